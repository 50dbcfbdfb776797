package host

import (
	"errors"
	"io/fs"
	"iter"
	"maps"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A MemFS is a file system in memory: an implementation of FS for tests that need a full disk, a folder that
// cannot be written (even by root), or no disk at all. It keeps to the rules of Unix: an open file survives its
// removal, and a rename replaces. Paths use slashes; relative ones begin at the root. It is safe for concurrent
// use.
type MemFS struct {
	mu    sync.Mutex
	root  *memNode
	used  int64
	limit int64
	umask fs.FileMode
	clock Clock
}

var _ FS = (*MemFS)(nil)

// A memNode is a file, or a folder if children is not nil.
type memNode struct {
	children map[string]*memNode
	data     []byte
	mode     fs.FileMode // permissions, and fs.ModeDir
	modified time.Time
	opened   int
	linked   bool
}

// NewMemFS is an empty file system with the folder /tmp, no limit, umask 022 and a clock that stands still.
func NewMemFS() *MemFS {
	m := &MemFS{limit: math.MaxInt64, umask: 0o022, clock: NewManualClock(time.Unix(0, 0).UTC())}
	m.root = m.newNode(fs.ModeDir | 0o777)
	if err := m.MkdirAll("/tmp"); err != nil {
		panic(err) // the root is empty
	}
	return m
}

// SetLimit makes a write that would bring the contents of all files over n bytes fail with syscall.ENOSPC, after
// writing what still fits.
func (m *MemFS) SetLimit(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = n
}

// SetUmask changes the mode of files and folders made from now on.
func (m *MemFS) SetUmask(mask fs.FileMode) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.umask = mask & fs.ModePerm
}

// SetClock changes where modification times come from.
func (m *MemFS) SetClock(c Clock) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clock = c
}

// Used is the number of bytes in files that exist or are open.
func (m *MemFS) Used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used
}

// Open opens a file or a folder for reading.
func (m *MemFS) Open(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(name)
	if err == nil && n.mode&0o400 == 0 {
		err = fs.ErrPermission
	}
	if err != nil {
		return nil, wrap("open", name, err)
	}
	return m.open(name, n, 0), nil
}

// Create makes a new file.
func (m *MemFS) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(name)
	switch {
	case err != nil:
	case dir.children[base] != nil:
		err = fs.ErrExist
	default:
		err = writable(dir)
	}
	if err != nil {
		return nil, wrap("open", name, err)
	}
	n := m.newNode(0o600 &^ m.umask)
	dir.children[base] = n
	return m.open(name, n, memWrite), nil
}

// Append opens an existing file to write at its end.
func (m *MemFS) Append(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(name)
	switch {
	case err != nil:
	case n.isDir():
		err = syscall.EISDIR
	default:
		err = writable(n)
	}
	if err != nil {
		return nil, wrap("open", name, err)
	}
	return m.open(name, n, memWrite|memAppend), nil
}

// Rename moves a file or folder, replacing a file.
func (m *MemFS) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return wrap("rename", to, m.rename(from, to))
}

func (m *MemFS) rename(from, to string) error {
	fromDir, fromBase, err := m.parent(from)
	if err != nil {
		return err
	}
	toDir, toBase, err := m.parent(to)
	if err != nil {
		return err
	}
	n, old := fromDir.children[fromBase], toDir.children[toBase]
	if n == nil {
		return fs.ErrNotExist
	}
	if n == old {
		return nil
	}
	if err := errors.Join(writable(fromDir), writable(toDir)); err != nil {
		return err
	}
	if n.isDir() && strings.HasPrefix(clean(to)+"/", clean(from)+"/") {
		return syscall.EINVAL
	}
	if err := replaceable(n, old); err != nil {
		return err
	}
	if old != nil {
		m.unlink(toDir, toBase)
	}
	delete(fromDir.children, fromBase)
	toDir.children[toBase] = n
	return nil
}

// replaceable reports why n cannot take the place of old, which may be nil.
func replaceable(n, old *memNode) error {
	switch {
	case old == nil:
		return nil
	case old.isDir():
		return fs.ErrExist
	case n.isDir():
		return syscall.ENOTDIR
	}
	return nil
}

// Remove removes a file or an empty folder.
func (m *MemFS) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(name)
	if err != nil {
		return wrap("remove", name, err)
	}
	n := dir.children[base]
	switch {
	case n == nil:
		err = fs.ErrNotExist
	case len(n.children) > 0:
		err = syscall.ENOTEMPTY
	default:
		err = writable(dir)
	}
	if err != nil {
		return wrap("remove", name, err)
	}
	m.unlink(dir, base)
	return nil
}

// RemoveAll removes a file, or a folder with all it holds; a name that does not exist is no error.
func (m *MemFS) RemoveAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && dir.children[base] == nil {
		return nil
	}
	if err == nil {
		err = writable(dir)
	}
	if err != nil {
		return wrap("removeall", name, err)
	}
	m.unlink(dir, base)
	return nil
}

// MkdirAll makes a folder and its parents.
func (m *MemFS) MkdirAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir := m.root
	for part := range elements(name) {
		next := dir.children[part]
		if next == nil {
			if err := writable(dir); err != nil {
				return wrap("mkdir", name, err)
			}
			next = m.newNode(fs.ModeDir | 0o777&^m.umask)
			dir.children[part] = next
		}
		if !next.isDir() {
			return wrap("mkdir", name, syscall.ENOTDIR)
		}
		dir = next
	}
	return nil
}

// Chmod changes permissions. Only those of the owner count here: 0200 of a folder to change what is in it, 0200
// of a file to append to it, 0400 to open.
func (m *MemFS) Chmod(name string, mode fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(name)
	if err != nil {
		return wrap("chmod", name, err)
	}
	n.mode = n.mode&fs.ModeDir | mode&fs.ModePerm
	return nil
}

// Umask is the mask last set.
func (m *MemFS) Umask() fs.FileMode {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.umask
}

// Stat describes a file or folder.
func (m *MemFS) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(name)
	if err != nil {
		return nil, wrap("stat", name, err)
	}
	return n.info(path.Base(clean(name))), nil
}

// ReadDir lists a folder in order of name.
func (m *MemFS) ReadDir(name string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(name)
	if err == nil && !n.isDir() {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, wrap("open", name, err)
	}
	entries := make([]fs.DirEntry, 0, len(n.children))
	for _, base := range slices.Sorted(maps.Keys(n.children)) {
		entries = append(entries, fs.FileInfoToDirEntry(n.children[base].info(base)))
	}
	return entries, nil
}

// SyncDir only checks that the folder exists.
func (m *MemFS) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, err := m.find(name)
	return wrap("sync", name, err)
}

// Free is what is left of the limit.
func (m *MemFS) Free(dir string) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.find(dir); err != nil {
		return 0, wrap("statfs", dir, err)
	}
	return uint64(max(m.limit-m.used, 0)), nil
}

// TempDir is /tmp.
func (m *MemFS) TempDir() string { return "/tmp" }

func (m *MemFS) newNode(mode fs.FileMode) *memNode {
	n := &memNode{mode: mode, modified: m.clock.Now(), linked: true}
	if mode.IsDir() {
		n.children = map[string]*memNode{}
	}
	return n
}

func (m *MemFS) find(name string) (*memNode, error) {
	n := m.root
	for part := range elements(name) {
		if !n.isDir() {
			return nil, syscall.ENOTDIR
		}
		if n = n.children[part]; n == nil {
			return nil, fs.ErrNotExist
		}
	}
	return n, nil
}

// parent finds the folder that name is or would be in.
func (m *MemFS) parent(name string) (dir *memNode, base string, err error) {
	c := clean(name)
	if c == "/" {
		return nil, "", fs.ErrInvalid
	}
	if dir, err = m.find(path.Dir(c)); err != nil {
		return nil, "", err
	}
	if !dir.isDir() {
		return nil, "", syscall.ENOTDIR
	}
	return dir, path.Base(c), nil
}

// unlink takes a name out of a folder, with all that is below it.
func (m *MemFS) unlink(dir *memNode, base string) {
	n := dir.children[base]
	delete(dir.children, base)
	n.linked = false
	for below := range n.children {
		m.unlink(n, below)
	}
	m.reclaim(n)
}

// reclaim gives back the space of a file that has neither a name nor a user.
func (m *MemFS) reclaim(n *memNode) {
	if !n.linked && n.opened == 0 {
		m.used -= int64(len(n.data))
		n.data = nil
	}
}

func (n *memNode) isDir() bool { return n.mode.IsDir() }

func writable(n *memNode) error {
	if n.mode&0o200 == 0 {
		return fs.ErrPermission
	}
	return nil
}

func clean(name string) string { return path.Clean("/" + filepath.ToSlash(name)) }

func elements(name string) iter.Seq[string] {
	rest := strings.TrimPrefix(clean(name), "/")
	return func(yield func(string) bool) {
		for part := range strings.SplitSeq(rest, "/") {
			if part != "" && !yield(part) {
				return
			}
		}
	}
}

func wrap(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}
