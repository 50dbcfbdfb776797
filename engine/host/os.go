package host

import (
	"crypto/rand"
	"io/fs"
	"os"
	"time"
)

// New is the host of this process: the operating system's clock, files, environment and standard streams.
func New() *Host {
	return &Host{
		Clock:     osClock{},
		FS:        osFS{},
		Stdin:     os.Stdin,
		Stdout:    os.Stdout,
		Stderr:    os.Stderr,
		LookupEnv: os.LookupEnv,
		Random:    func(p []byte) { rand.Read(p) }, // never fails: it ends the process instead
	}
}

type osClock struct{}

func (osClock) Now() time.Time                         { return time.Now() }
func (osClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

type osFS struct{}

var (
	_ FS   = osFS{}
	_ File = (*os.File)(nil)
)

func (osFS) Open(name string) (File, error) { return file(os.Open(name)) }

func (osFS) Create(name string) (File, error) {
	return file(os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600))
}

func (osFS) Append(name string) (File, error) {
	return file(os.OpenFile(name, os.O_RDWR|os.O_APPEND, 0))
}

func (osFS) Rename(from, to string) error               { return pathError(os.Rename(from, to)) }
func (osFS) Remove(name string) error                   { return os.Remove(name) }
func (osFS) RemoveAll(name string) error                { return os.RemoveAll(name) }
func (osFS) MkdirAll(name string) error                 { return os.MkdirAll(name, 0o777) }
func (osFS) Chmod(name string, mode fs.FileMode) error  { return os.Chmod(name, mode) }
func (osFS) Umask() fs.FileMode                         { return umask }
func (osFS) Stat(name string) (fs.FileInfo, error)      { return os.Stat(name) }
func (osFS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
func (osFS) SyncDir(name string) error                  { return syncDir(name) }
func (osFS) Free(dir string) (uint64, error)            { return free(dir) }
func (osFS) TempDir() string                            { return os.TempDir() }

// file keeps a nil *os.File from becoming a File that is not nil.
func file(f *os.File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	return f, nil
}

// pathError turns the one error of package os that bears two names into the type that FS promises.
func pathError(err error) error {
	if link, ok := err.(*os.LinkError); ok {
		return &fs.PathError{Op: link.Op, Path: link.New, Err: link.Err}
	}
	return err
}
