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

// reservePages gives addresses that cannot be used yet, nil if there are none.
func reservePages(bytes int) []byte {
	p, err := unix.Mmap(-1, 0, bytes, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil
	}
	return p
}

// usePages makes a part of what was reserved usable. It reports false if the system does not let it.
func usePages(p []byte) bool { return unix.Mprotect(p, unix.PROT_READ|unix.PROT_WRITE) == nil }
