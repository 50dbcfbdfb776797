package host

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
)

func TestOSKeepsTheRulesOfFS(t *testing.T) {
	runFS(t, func(t *testing.T) (FS, string) { return New().FS, t.TempDir() })
}

func TestMemFSKeepsTheRulesOfFS(t *testing.T) {
	runFS(t, func(t *testing.T) (FS, string) {
		m := NewMemFS()
		if err := m.MkdirAll("/work"); err != nil {
			t.Fatal(err)
		}
		return m, "/work"
	})
}

// A fixture is a file system with an empty folder in it.
type fixture struct {
	*testing.T
	FS
	root string
}

func (f fixture) path(elements ...string) string {
	return filepath.Join(append([]string{f.root}, elements...)...)
}

func (f fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f fixture) fails(err, want error) {
	f.Helper()
	var p *fs.PathError
	if !errors.Is(err, want) || !errors.As(err, &p) {
		f.Fatalf("got %#v, want a *fs.PathError that is %v", err, want)
	}
}

func (f fixture) write(name, text string) {
	f.Helper()
	file, err := f.Create(name)
	f.ok(err)
	_, err = io.WriteString(file, text)
	f.ok(err)
	f.ok(file.Sync())
	f.ok(file.Close())
}

func (f fixture) read(name string) string {
	f.Helper()
	file, err := f.Open(name)
	f.ok(err)
	defer file.Close()
	data, err := io.ReadAll(file)
	f.ok(err)
	return string(data)
}

func (f fixture) list(name string) []string {
	f.Helper()
	entries, err := f.ReadDir(name)
	f.ok(err)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names
}

// runFS is the conformance suite of FS.
func runFS(t *testing.T, open func(t *testing.T) (FS, string)) {
	for name, test := range map[string]func(f fixture){
		"create and read":     testCreate,
		"append":              testAppend,
		"missing names":       testMissing,
		"rename replaces":     testRename,
		"rename of folders":   testRenameFolder,
		"remove":              testRemove,
		"removed but open":    testRemovedOpen,
		"list":                testList,
		"read at and seek":    testSeek,
		"modes":               testModes,
		"a file is no folder": testFileAsFolder,
		"folders and space":   testFolders,
	} {
		t.Run(name, func(t *testing.T) {
			fsys, root := open(t)
			test(fixture{t, fsys, root})
		})
	}
}

func testCreate(f fixture) {
	f.write(f.path("a"), "hello")
	if got := f.read(f.path("a")); got != "hello" {
		f.Errorf("read %q", got)
	}
	_, err := f.Create(f.path("a"))
	f.fails(err, fs.ErrExist)
	info, err := f.Stat(f.path("a"))
	f.ok(err)
	if info.Name() != "a" || info.Size() != 5 || info.IsDir() || info.Mode() != 0o600&^f.Umask() {
		f.Errorf("stat: %s %d %v", info.Name(), info.Size(), info.Mode())
	}
}

func testAppend(f fixture) {
	f.write(f.path("a"), "one")
	file, err := f.Append(f.path("a"))
	f.ok(err)
	_, err = io.WriteString(file, " two")
	f.ok(err)
	f.ok(file.Close())
	if got := f.read(f.path("a")); got != "one two" {
		f.Errorf("read %q", got)
	}
	_, err = f.Append(f.root)
	f.fails(err, syscall.EISDIR)
}

func testMissing(f fixture) {
	missing := f.path("no", "such")
	_, open := f.Open(missing)
	_, create := f.Create(missing)
	_, add := f.Append(missing)
	_, stat := f.Stat(missing)
	_, list := f.ReadDir(missing)
	for _, err := range []error{
		open, create, add, stat, list,
		f.Rename(missing, f.path("b")), f.Remove(missing), f.Chmod(missing, 0o600), f.SyncDir(missing),
	} {
		f.fails(err, fs.ErrNotExist)
	}
	f.ok(f.RemoveAll(missing))
}

func testRename(f fixture) {
	f.write(f.path("a"), "new")
	f.write(f.path("b"), "old")
	f.ok(f.Rename(f.path("a"), f.path("b")))
	if got := f.read(f.path("b")); got != "new" {
		f.Errorf("read %q", got)
	}
	if got := f.list(f.root); !slices.Equal(got, []string{"b"}) {
		f.Errorf("left: %q", got)
	}
	f.ok(f.Rename(f.path("b"), f.path("b")))
	f.fails(f.Rename(f.path("b"), f.path("no", "b")), fs.ErrNotExist)
}

func testRenameFolder(f fixture) {
	f.ok(f.MkdirAll(f.path("d", "e")))
	f.write(f.path("d", "e", "a"), "deep")
	f.ok(f.Rename(f.path("d"), f.path("moved")))
	if got := f.read(f.path("moved", "e", "a")); got != "deep" {
		f.Errorf("read %q", got)
	}
	f.ok(f.MkdirAll(f.path("empty")))
	f.fails(f.Rename(f.path("moved"), f.path("empty")), fs.ErrExist)
	if runtime.GOOS == "linux" { // the errors that follow have other numbers elsewhere
		f.fails(f.Rename(f.path("moved"), f.path("moved", "e", "x")), syscall.EINVAL)
		f.write(f.path("file"), "")
		f.fails(f.Rename(f.path("empty"), f.path("file")), syscall.ENOTDIR)
		f.fails(f.Rename(f.path("file"), f.path("empty")), fs.ErrExist)
	}
}

func testRemove(f fixture) {
	f.ok(f.MkdirAll(f.path("d")))
	f.write(f.path("d", "a"), "x")
	f.fails(f.Remove(f.path("d")), syscall.ENOTEMPTY)
	f.ok(f.Remove(f.path("d", "a")))
	f.ok(f.Remove(f.path("d")))
	f.ok(f.MkdirAll(f.path("d", "e")))
	f.write(f.path("d", "e", "a"), "x")
	f.ok(f.RemoveAll(f.path("d")))
	if got := f.list(f.root); len(got) != 0 {
		f.Errorf("left: %q", got)
	}
}

func testRemovedOpen(f fixture) {
	if runtime.GOOS == "windows" {
		f.Skip("an open file cannot be removed")
	}
	f.write(f.path("a"), "kept")
	file, err := f.Open(f.path("a"))
	f.ok(err)
	f.ok(f.Remove(f.path("a")))
	f.write(f.path("a"), "other")
	data, err := io.ReadAll(file)
	f.ok(err)
	if string(data) != "kept" {
		f.Errorf("read %q", data)
	}
	f.ok(file.Close())
	_, err = file.Read(make([]byte, 1))
	f.fails(err, fs.ErrClosed)
	f.fails(file.Close(), fs.ErrClosed)
}

func testList(f fixture) {
	for _, name := range []string{"b", "a", "c"} {
		f.write(f.path(name), name)
	}
	f.ok(f.MkdirAll(f.path("B")))
	if got := f.list(f.root); !slices.Equal(got, []string{"B", "a", "b", "c"}) {
		f.Errorf("not in order: %q", got)
	}
	entries, err := f.ReadDir(f.root)
	f.ok(err)
	if !entries[0].IsDir() || entries[1].IsDir() {
		f.Errorf("entries: %v", entries)
	}
}

func testSeek(f fixture) {
	f.write(f.path("a"), "0123456789")
	file, err := f.Open(f.path("a"))
	f.ok(err)
	defer file.Close()
	got := make([]byte, 4)
	if n, err := file.ReadAt(got, 8); n != 2 || err != io.EOF {
		f.Errorf("ReadAt past the end: %d, %v", n, err)
	}
	at, err := file.Seek(-3, io.SeekEnd)
	f.ok(err)
	rest, err := io.ReadAll(file)
	f.ok(err)
	if at != 7 || !bytes.Equal(rest, []byte("789")) {
		f.Errorf("at %d read %q", at, rest)
	}
	_, err = file.Seek(-1, io.SeekStart)
	if err == nil {
		f.Error("a negative offset was accepted")
	}
	if _, err := file.Write([]byte("x")); err == nil {
		f.Error("wrote to a file opened for reading")
	}
}

func testModes(f fixture) {
	f.write(f.path("a"), "")
	f.ok(f.Chmod(f.path("a"), 0o640))
	info, err := f.Stat(f.path("a"))
	f.ok(err)
	if runtime.GOOS != "windows" && info.Mode() != 0o640 {
		f.Errorf("mode %v", info.Mode())
	}
}

func testFileAsFolder(f fixture) {
	f.write(f.path("a"), "")
	_, create := f.Create(f.path("a", "b"))
	_, list := f.ReadDir(f.path("a"))
	for _, err := range []error{create, list, f.MkdirAll(f.path("a", "b"))} {
		f.fails(err, syscall.ENOTDIR)
	}
	d, err := f.Open(f.root)
	f.ok(err)
	defer d.Close()
	_, err = d.Read(make([]byte, 1))
	f.fails(err, syscall.EISDIR)
}

func testFolders(f fixture) {
	f.ok(f.MkdirAll(f.path("x", "y")))
	f.ok(f.MkdirAll(f.path("x", "y")))
	f.ok(f.SyncDir(f.path("x")))
	if n, err := f.Free(f.root); err != nil || n == 0 {
		f.Errorf("free: %d, %v", n, err)
	}
	if _, err := f.Stat(f.TempDir()); err != nil {
		f.Errorf("TempDir: %v", err)
	}
}

func TestUmaskIsWhatOtherFilesGet(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(name, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if want := 0o666 &^ New().FS.Umask(); runtime.GOOS != "windows" && info.Mode() != want {
		t.Errorf("mode %v, want %v", info.Mode(), want)
	}
}

func TestMemFSRunsFull(t *testing.T) {
	m := NewMemFS()
	f := fixture{t, m, "/"}
	m.SetLimit(10)
	f.write("/a", "123456")
	file, err := m.Create("/b")
	f.ok(err)
	n, err := file.Write([]byte("123456"))
	f.fails(err, syscall.ENOSPC)
	if left, _ := m.Free("/"); n != 4 || left != 0 {
		t.Errorf("wrote %d, %d left", n, left)
	}
	f.ok(m.Remove("/b"))
	if m.Used() != 10 {
		t.Errorf("a removed file that is open holds its space: used %d", m.Used())
	}
	f.ok(file.Close())
	f.ok(m.RemoveAll("/a"))
	if m.Used() != 0 {
		t.Errorf("used %d", m.Used())
	}
}

func TestMemFSHonoursPermissions(t *testing.T) {
	m := NewMemFS()
	f := fixture{t, m, "/"}
	f.ok(m.MkdirAll("/d"))
	f.write("/d/a", "x")
	f.ok(m.Chmod("/d/a", 0))
	f.ok(m.Chmod("/d", 0o500))
	_, open := m.Open("/d/a")
	_, create := m.Create("/d/b")
	_, add := m.Append("/d/a")
	for _, err := range []error{
		open, create, add, m.Remove("/d/a"), m.RemoveAll("/d/a"), m.Rename("/d/a", "/a"), m.MkdirAll("/d/e"),
	} {
		f.fails(err, fs.ErrPermission)
	}
	f.fails(m.Remove("/"), fs.ErrInvalid)
}

// TestCreateFollowsNoLink makes no file where somebody has put a link: what it leads to stays as it is.
func TestCreateFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{target, filepath.Join(dir, "nothing")} {
		if err := os.Symlink(to, link); err != nil {
			t.Skip(err)
		}
		if _, err := New().FS.Create(link); !errors.Is(err, fs.ErrExist) {
			t.Errorf("a link to %s: %v", to, err)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(target); string(text) != "kept" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "nothing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what the link led to: %v", err)
	}
}
