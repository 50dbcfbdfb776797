//go:build linux || darwin || freebsd

package host

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

func free(dir string) (uint64, error) {
	var s unix.Statfs_t
	for {
		err := unix.Statfs(dir, &s)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, &fs.PathError{Op: "statfs", Path: dir, Err: err}
		}
		return uint64(max(int64(s.Bavail), 0)) * uint64(s.Bsize), nil // FreeBSD counts below 0
	}
}
