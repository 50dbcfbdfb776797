package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A Grant says what of the machine's files may be used. Folders are absolute. What is written may be read, too.
type Grant struct {
	Dir   string   // what relative paths are relative to
	Read  []string // folders
	Write []string
	Temp  string // a folder for scratch files
}

// ErrNotGranted is why a path outside of the granted folders is refused.
var ErrNotGranted = errors.New("it is outside of what the operator of this node has granted: start the node with --allow-read or --allow-write and a folder that holds it")

// Granted is the operating system's files, less what is not granted: no path and no symbolic link leads out of the
// granted folders, also where they change meanwhile. Folders that are granted must exist.
func Granted(g Grant) (FS, error) {
	f := &grantedFS{grant: g}
	for _, dir := range append([]string{g.Temp}, g.Write...) {
		if err := f.open(dir, true); err != nil {
			return nil, err
		}
	}
	for _, dir := range g.Read {
		if err := f.open(dir, false); err != nil {
			return nil, err
		}
	}
	return f, nil
}

type grantedFS struct {
	osFS
	grant Grant
	roots []grantedRoot
}

type grantedRoot struct {
	*os.Root
	dir   string
	write bool
}

func (f *grantedFS) open(dir string, write bool) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	f.roots = append(f.roots, grantedRoot{root, filepath.Clean(dir), write})
	return nil
}

// find is the granted folder that holds a path, and the path in it.
func (f *grantedFS) find(op, name string, write bool) (grantedRoot, string, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(f.grant.Dir, path)
	}
	path = filepath.Clean(path)
	for _, root := range f.roots {
		if write && !root.write {
			continue
		}
		if rel, err := filepath.Rel(root.dir, path); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return root, rel, nil
		}
	}
	return grantedRoot{}, "", &fs.PathError{Op: op, Path: name, Err: ErrNotGranted}
}

// named gives an error the path as the caller knows it.
func named(name string, err error) error {
	var path *fs.PathError
	if err = pathError(err); errors.As(err, &path) {
		return &fs.PathError{Op: path.Op, Path: name, Err: path.Err}
	}
	return err
}

func (f *grantedFS) openFile(name string, flag int, mode fs.FileMode, write bool) (File, error) {
	root, rel, err := f.find("open", name, write)
	if err != nil {
		return nil, err
	}
	opened, err := root.OpenFile(rel, flag, mode)
	return file(opened, named(name, err))
}

// change does something to a path that may be written.
func (f *grantedFS) change(op, name string, do func(root grantedRoot, rel string) error) error {
	root, rel, err := f.find(op, name, true)
	if err != nil {
		return err
	}
	return named(name, do(root, rel))
}

func (f *grantedFS) Open(name string) (File, error) { return f.openFile(name, os.O_RDONLY, 0, false) }

func (f *grantedFS) Create(name string) (File, error) {
	return f.openFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600, true)
}

func (f *grantedFS) Append(name string) (File, error) {
	return f.openFile(name, os.O_RDWR|os.O_APPEND, 0, true)
}

func (f *grantedFS) Rename(from, to string) error {
	target, rel, err := f.find("rename", to, true)
	if err != nil {
		return err
	}
	return f.change("rename", from, func(root grantedRoot, old string) error {
		if root.dir != target.dir {
			return &fs.PathError{Op: "rename", Path: to, Err: ErrNotGranted}
		}
		return root.Rename(old, rel)
	})
}

func (f *grantedFS) Remove(name string) error {
	return f.change("remove", name, func(root grantedRoot, rel string) error { return root.Remove(rel) })
}

func (f *grantedFS) RemoveAll(name string) error {
	return f.change("remove", name, func(root grantedRoot, rel string) error { return root.RemoveAll(rel) })
}

func (f *grantedFS) MkdirAll(name string) error {
	return f.change("mkdir", name, func(root grantedRoot, rel string) error { return root.MkdirAll(rel, 0o777) })
}

func (f *grantedFS) Chmod(name string, mode fs.FileMode) error {
	return f.change("chmod", name, func(root grantedRoot, rel string) error { return root.Chmod(rel, mode) })
}

func (f *grantedFS) Stat(name string) (fs.FileInfo, error) {
	root, rel, err := f.find("stat", name, false)
	if err != nil {
		return nil, err
	}
	info, err := root.Stat(rel)
	return info, named(name, err)
}

func (f *grantedFS) ReadDir(name string) ([]fs.DirEntry, error) {
	root, rel, err := f.find("open", name, false)
	if err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(root.FS(), filepath.ToSlash(rel))
	return entries, named(name, err)
}

func (f *grantedFS) SyncDir(name string) error {
	return f.change("sync", name, func(root grantedRoot, rel string) error {
		dir, err := root.Open(rel)
		if err != nil {
			return err
		}
		return errors.Join(dir.Sync(), dir.Close())
	})
}

func (f *grantedFS) Free(dir string) (uint64, error) {
	root, rel, err := f.find("statfs", dir, false)
	if err != nil {
		return 0, err
	}
	return f.osFS.Free(filepath.Join(root.dir, rel))
}

func (f *grantedFS) TempDir() string { return f.grant.Temp }
