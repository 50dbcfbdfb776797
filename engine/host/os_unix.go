//go:build unix

package host

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// umask is read once, while the process has one goroutine: the system call that reads it also sets it.
var umask = readUmask()

func readUmask() fs.FileMode {
	mask := syscall.Umask(0)
	syscall.Umask(mask)
	return fs.FileMode(mask) & fs.ModePerm
}

// syncDir ignores file systems that cannot sync a folder: there is nothing else to try on them.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// otherNames reports whether a file has more names than one.
func otherNames(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && !info.IsDir() && stat.Nlink > 1
}
