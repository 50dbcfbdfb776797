package host

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A Grant says what of the machine's files may be used. What is written may be read, too.
type Grant struct {
	Dir   string // what relative paths are relative to
	Read  []Folder
	Write []Folder
	Temp  string // a folder for scratch files
}

// A Folder is one that an operator has granted.
type Folder struct {
	Name string // absolute, as paths of jobs begin
	Real string // the same without symbolic links, when it was granted
}

// NewFolder is a folder as it is now.
func NewFolder(dir string) (f Folder, err error) {
	if f.Name, err = filepath.Abs(dir); err != nil {
		return f, err
	}
	f.Real, err = filepath.EvalSymlinks(f.Name)
	return f, err
}

// ErrNotGranted is why a path outside of the granted folders is refused.
var ErrNotGranted = errors.New("it is outside of what the operator of this node has granted: start the node with --allow-read or --allow-write and a folder that holds it")

// ErrReplaced is why a folder is refused that was granted.
var ErrReplaced = errors.New("it is not the folder that was granted: a symbolic link has taken its place; start the node again if that is right")

// ErrOtherName is why a file is refused that would be changed where it is.
var ErrOtherName = errors.New("it is a hard link, and what has its other name would change too")

// Granted is the operating system's files, less what is not granted: no path and no symbolic link leads out of the
// granted folders, also where they change meanwhile, and nor does a link that has taken the place of one since it was
// granted. A hard link is a file of the folder that it is in: it can be read and removed, but not appended to. Folders that are
// granted must exist.
func Granted(g Grant) (FS, error) {
	f := &grantedFS{grant: g}
	for _, dir := range append([]Folder{{g.Temp, ""}}, g.Write...) {
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

func (f *grantedFS) open(dir Folder, write bool) error {
	root, err := os.OpenRoot(cmp.Or(dir.Real, dir.Name))
	if err != nil {
		return err
	}
	if dir.Real != "" && !dir.is(root) {
		return errors.Join(&fs.PathError{Op: "open", Path: dir.Name, Err: ErrReplaced}, root.Close())
	}
	f.roots = append(f.roots, grantedRoot{root, filepath.Clean(dir.Name), write})
	return nil
}

// is reports whether what was opened, perhaps through a link that was there for a moment, is what the folder's path leads to
// without any.
func (d Folder) is(root *os.Root) bool {
	real, err := filepath.EvalSymlinks(d.Real)
	if err != nil || real != d.Real {
		return false
	}
	opened, err := root.Stat(".")
	if err != nil {
		return false
	}
	there, err := os.Lstat(d.Real)
	return err == nil && os.SameFile(opened, there)
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
	opened, err := f.openFile(name, os.O_RDWR|os.O_APPEND, 0, true)
	if err != nil {
		return nil, err
	}
	info, err := opened.Stat()
	if err == nil && otherNames(info) {
		err = &fs.PathError{Op: "append", Path: name, Err: ErrOtherName}
	}
	if err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return opened, nil
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
