package host

import (
	"io"
	"io/fs"
	"path"
	"syscall"
	"time"
)

type memFlags uint8

const (
	memWrite memFlags = 1 << iota
	memAppend
)

// A memFile is an open file of a MemFS, whose lock guards it.
type memFile struct {
	fs     *MemFS
	node   *memNode
	name   string
	flags  memFlags
	offset int64
	closed bool
}

func (m *MemFS) open(name string, n *memNode, flags memFlags) *memFile {
	n.opened++
	return &memFile{fs: m, node: n, name: name, flags: flags}
}

func (f *memFile) Name() string { return f.name }

func (f *memFile) Read(p []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	n, err := f.readAt(p, f.offset)
	f.offset += int64(n)
	return n, err
}

func (f *memFile) ReadAt(p []byte, offset int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if offset < 0 {
		return 0, wrap("read", f.name, fs.ErrInvalid)
	}
	n, err := f.readAt(p, offset)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

func (f *memFile) readAt(p []byte, offset int64) (int, error) {
	switch {
	case f.closed:
		return 0, wrap("read", f.name, fs.ErrClosed)
	case f.node.isDir():
		return 0, wrap("read", f.name, syscall.EISDIR)
	case len(p) == 0:
		return 0, nil
	case offset >= int64(len(f.node.data)):
		return 0, io.EOF
	}
	return copy(p, f.node.data[offset:]), nil
}

func (f *memFile) Write(p []byte) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	switch {
	case f.closed:
		return 0, wrap("write", f.name, fs.ErrClosed)
	case f.flags&memWrite == 0:
		return 0, wrap("write", f.name, syscall.EBADF)
	case len(p) == 0:
		return 0, nil
	case f.flags&memAppend != 0:
		f.offset = int64(len(f.node.data))
	}
	size := int64(len(f.node.data))
	fits := size + max(f.fs.limit-f.fs.used, 0) - f.offset
	n := int(min(int64(len(p)), max(fits, 0)))
	f.put(p[:n])
	f.fs.used += int64(len(f.node.data)) - size
	f.node.modified = f.fs.clock.Now()
	if n < len(p) {
		return n, wrap("write", f.name, syscall.ENOSPC)
	}
	return n, nil
}

// put writes p at the offset, after zeros if that is beyond the end.
func (f *memFile) put(p []byte) {
	if len(p) == 0 {
		return
	}
	data := f.node.data
	if gap := f.offset - int64(len(data)); gap > 0 {
		data = append(data, make([]byte, gap)...)
	}
	n := copy(data[f.offset:], p)
	f.node.data = append(data, p[n:]...)
	f.offset += int64(len(p))
}

func (f *memFile) Seek(offset int64, whence int) (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return 0, wrap("seek", f.name, fs.ErrClosed)
	}
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += int64(len(f.node.data))
	default:
		return 0, wrap("seek", f.name, fs.ErrInvalid)
	}
	if offset < 0 {
		return 0, wrap("seek", f.name, fs.ErrInvalid)
	}
	f.offset = offset
	return offset, nil
}

func (f *memFile) Stat() (fs.FileInfo, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return nil, wrap("stat", f.name, fs.ErrClosed)
	}
	return f.node.info(path.Base(clean(f.name))), nil
}

func (f *memFile) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return wrap("sync", f.name, fs.ErrClosed)
	}
	return nil
}

func (f *memFile) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return wrap("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	f.node.opened--
	f.fs.reclaim(f.node)
	return nil
}

// memInfo is what Stat saw: a copy, as on disk.
type memInfo struct {
	name     string
	size     int64
	mode     fs.FileMode
	modified time.Time
}

func (n *memNode) info(base string) memInfo {
	return memInfo{name: base, size: int64(len(n.data)), mode: n.mode, modified: n.modified}
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) Mode() fs.FileMode  { return i.mode }
func (i memInfo) ModTime() time.Time { return i.modified }
func (i memInfo) IsDir() bool        { return i.mode.IsDir() }
func (i memInfo) Sys() any           { return nil }
