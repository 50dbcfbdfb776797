//go:build unix

package host

import "golang.org/x/sys/unix"

// mapPages gives new pages of zeros, nil if there are none.
func mapPages(bytes int) []byte {
	p, err := unix.Mmap(-1, 0, bytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return p
}

func unmapPages(p []byte) { _ = unix.Munmap(p) }
