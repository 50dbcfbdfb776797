package connector

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/flowsh/flowsh/engine/host"
)

// An inputPath is a file that exists.
type inputPath struct {
	path string
	info fs.FileInfo // nil for stdin
}

// resolvePaths finds the files behind paths as they were written. A name that exists stands for itself, another
// one with any of *?[{ for the files it matches, sorted by bytes; hidden files match only where the pattern says
// so. A file that is named twice is read twice.
func resolvePaths(files host.FS, paths []string) ([]inputPath, error) {
	var found []inputPath
	for _, path := range paths {
		inputs, err := resolvePath(files, path)
		if err != nil {
			return nil, &ReadError{File: displayName(path), Offset: -1, Err: err}
		}
		found = append(found, inputs...)
	}
	return found, nil
}

func resolvePath(files host.FS, path string) ([]inputPath, error) {
	if path == stdin {
		return []inputPath{{path: path}}, nil
	}
	info, err := files.Stat(path)
	if err == nil {
		if info.IsDir() {
			return nil, fmt.Errorf("is a folder; write %q for the files in it", strings.TrimRight(path, "/")+"/*")
		}
		return []inputPath{{path, info}}, nil
	}
	if !strings.ContainsAny(path, "*?[{") {
		return nil, cause(err)
	}
	return glob(files, path)
}

// errNoMatch is an fs.ErrNotExist.
var errNoMatch error = noMatch{}

type noMatch struct{}

func (noMatch) Error() string { return "no file matches this pattern" }
func (noMatch) Unwrap() error { return fs.ErrNotExist }

func glob(files host.FS, pattern string) ([]inputPath, error) {
	slashed := filepath.ToSlash(pattern)
	if !doublestar.ValidatePattern(slashed) {
		return nil, errors.New("is not a valid pattern: a [ or { is not closed")
	}
	dir, rest := doublestar.SplitPattern(slashed)
	names, err := doublestar.Glob(globFS{files, dir}, rest,
		doublestar.WithFilesOnly(), doublestar.WithNoHidden(), doublestar.WithFailOnIOErrors())
	if err != nil {
		return nil, cause(err)
	}
	if len(names) == 0 {
		return nil, errNoMatch
	}
	slices.Sort(names)
	var found []inputPath
	for _, name := range slices.Compact(names) {
		path := within(dir, name)
		info, err := files.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, cause(err))
		}
		found = append(found, inputPath{path, info})
	}
	return found, nil
}

// cause strips the operation and the path from an error that will name the path itself.
func cause(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// within is a name below dir, spelt as a person would.
func within(dir, name string) string {
	switch {
	case dir == ".":
		return name
	case strings.HasSuffix(dir, "/"):
		return dir + name
	}
	return dir + "/" + name
}

// A globFS shows the files below dir to the glob library.
type globFS struct {
	files host.FS
	dir   string
}

var (
	_ fs.ReadDirFS = globFS{}
	_ fs.StatFS    = globFS{}
)

func (g globFS) path(name string) string {
	if name == "." {
		return g.dir
	}
	return within(g.dir, name)
}

func (g globFS) Open(name string) (fs.File, error)          { return g.files.Open(g.path(name)) }
func (g globFS) Stat(name string) (fs.FileInfo, error)      { return g.files.Stat(g.path(name)) }
func (g globFS) ReadDir(name string) ([]fs.DirEntry, error) { return g.files.ReadDir(g.path(name)) }

// Expand finds the files behind a path as it was written.
func Expand(files host.FS, path string) (names []string, err error) {
	inputs, err := resolvePaths(files, []string{path})
	for _, in := range inputs {
		names = append(names, in.path)
	}
	return names, err
}
