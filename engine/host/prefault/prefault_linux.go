package prefault

import (
	"iter"
	"syscall"
	"unsafe"
)

// heap is how much of the heap is touched by a short job, in bytes from the next that the runtime gives out.
const heap = 3 << 20

const page = 4 << 10

// From <linux/mman.h>.
const (
	populateRead  = 22
	populateWrite = 23
)

func init() {
	next := uintptr(unsafe.Pointer(new([page]byte))) &^ (page - 1)
	for m := range mappings(readMaps()) {
		switch {
		case m.from <= next && next < m.to:
			madvise(next, min(heap, m.to-next), populateWrite)
		case m.file && !m.writable:
			madvise(m.from, m.to-m.from, populateRead)
		}
	}
}

func madvise(from, size, advice uintptr) {
	_, _, _ = syscall.RawSyscall(syscall.SYS_MADVISE, from, size, advice)
}

// A mapping is a piece of the address space.
type mapping struct {
	from, to       uintptr
	writable, file bool
}

// readMaps reads as much of the system's list of the process's mappings as fits.
func readMaps() []byte {
	fd, err := syscall.Open("/proc/self/maps", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = syscall.Close(fd) }()
	buf := make([]byte, page)
	n, err := syscall.Read(fd, buf)
	if err != nil {
		return nil
	}
	return buf[:n]
}

// mappings gives the mappings that are whole in a list such as
//
//	00400000-011a9000 r-xp 00000000 fe:01 1234   /usr/bin/flowsh
func mappings(list []byte) iter.Seq[mapping] {
	return func(yield func(mapping) bool) {
		for len(list) > 0 {
			var m mapping
			m.from, list = address(list)
			if len(list) == 0 || list[0] != '-' {
				return
			}
			m.to, list = address(list[1:])
			if len(list) < len(" rwxp") {
				return
			}
			m.writable = list[2] == 'w'
			for len(list) > 0 && list[0] != '\n' {
				m.file = m.file || list[0] == '/'
				list = list[1:]
			}
			if len(list) == 0 || !yield(m) {
				return
			}
			list = list[1:]
		}
	}
}

func address(s []byte) (n uintptr, rest []byte) {
	for len(s) > 0 {
		switch c := s[0]; {
		case '0' <= c && c <= '9':
			n = n<<4 | uintptr(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | uintptr(c-'a'+10)
		default:
			return n, s
		}
		s = s[1:]
	}
	return n, s
}
