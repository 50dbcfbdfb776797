package host

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// Overlay is a file system with more files to be read: over those of below lie files by their absolute paths. dir is
// what relative paths are relative to. What is written goes below.
func Overlay(below FS, dir string, files map[string][]byte) FS {
	o := &overlay{FS: below, dir: dir, files: NewMemFS()}
	for name, text := range files {
		if err := o.add(filepath.ToSlash(name), text); err != nil {
			panic(err) // there is nothing that could be in the way, and no limit
		}
	}
	return o
}

type overlay struct {
	FS
	dir   string
	files *MemFS
}

func (o *overlay) add(name string, text []byte) error {
	if err := o.files.MkdirAll(filepath.ToSlash(filepath.Dir(name))); err != nil {
		return err
	}
	f, err := o.files.Create(name)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func (o *overlay) path(name string) string {
	if !filepath.IsAbs(name) {
		name = filepath.Join(o.dir, name)
	}
	return filepath.ToSlash(filepath.Clean(name))
}

// Open implements FS.
func (o *overlay) Open(name string) (File, error) {
	if info, err := o.files.Stat(o.path(name)); err == nil && !info.IsDir() {
		return o.files.Open(o.path(name))
	}
	return o.FS.Open(name)
}

// Stat implements FS.
func (o *overlay) Stat(name string) (fs.FileInfo, error) {
	if info, err := o.files.Stat(o.path(name)); err == nil {
		return info, nil
	}
	return o.FS.Stat(name)
}

// ReadDir implements FS. A folder that holds any of the files shows those alone: they are what the others were read as.
func (o *overlay) ReadDir(name string) ([]fs.DirEntry, error) {
	if entries, err := o.files.ReadDir(o.path(name)); err == nil {
		return entries, nil
	}
	return o.FS.ReadDir(name)
}
