package host

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func folders(t *testing.T, dirs ...string) (all []Folder) {
	t.Helper()
	for _, dir := range dirs {
		f, err := NewFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

func TestGranted(t *testing.T) {
	top := t.TempDir()
	read, write, temp, secret := filepath.Join(top, "read"), filepath.Join(top, "write"), filepath.Join(top, "temp"), filepath.Join(top, "secret")
	for _, dir := range []string{read, write, temp, secret} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	text := []byte("text")
	if err := errors.Join(
		os.WriteFile(filepath.Join(read, "in"), text, 0o600), os.WriteFile(filepath.Join(secret, "in"), text, 0o600),
		os.Symlink(secret, filepath.Join(read, "out")), os.Symlink(filepath.Join(secret, "in"), filepath.Join(read, "link")),
		os.Symlink(secret, filepath.Join(write, "out")),
	); err != nil {
		t.Fatal(err)
	}
	f, err := Granted(Grant{Dir: read, Read: folders(t, read), Write: folders(t, write), Temp: temp})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"in", "./in", filepath.Join(read, "in"), filepath.Join(read, "..", "read", "in")} {
		opened, err := f.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(opened); string(got) != "text" || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		_ = opened.Close() // it was only read
	}
	for _, name := range []string{
		"../secret/in", filepath.Join(secret, "in"), "/etc/passwd", "/proc/self/environ", "link", "out/in", filepath.Join(write, "out", "in"),
	} {
		if opened, err := f.Open(name); err == nil {
			_ = opened.Close()
			t.Errorf("%s can be opened", name)
		}
		if _, err := f.Stat(name); err == nil {
			t.Errorf("%s can be seen", name)
		}
		if err := f.Remove(name); err == nil && name != "link" {
			t.Errorf("%s can be removed", name)
		}
	}
	if _, err := f.ReadDir("out"); err == nil {
		t.Error("a link to a folder can be followed")
	}
	if err := f.Rename("in", filepath.Join(write, "in")); err == nil {
		t.Error("what may be read was moved")
	}
	if created, err := f.Create("new"); err == nil {
		_ = created.Close()
		t.Error("a file was made where nothing may be written")
	}
	target := filepath.Join(write, "a", "b")
	if err := f.MkdirAll(filepath.Dir(target)); err != nil {
		t.Fatal(err)
	}
	created, err := f.Create(target)
	if err != nil {
		t.Fatal(err)
	}
	_, err = created.Write(text)
	if err := errors.Join(err, created.Close(), f.Rename(target, target+"2"), f.Chmod(target+"2", 0o640), f.SyncDir(filepath.Dir(target))); err != nil {
		t.Fatal(err)
	}
	if entries, err := f.ReadDir(filepath.Dir(target)); err != nil || len(entries) != 1 || entries[0].Name() != "b2" {
		t.Errorf("entries %v, %v", entries, err)
	}
	if f.TempDir() != temp {
		t.Errorf("scratch files go to %s", f.TempDir())
	}
}

// grantedWorld is two folders with a file "in" each, the text of which is the folder's name. The first is reached by a link
// that was there before it was granted.
func grantedWorld(t *testing.T) (granted, secret, real string) {
	t.Helper()
	top := t.TempDir()
	granted, secret, real = filepath.Join(top, "granted"), filepath.Join(top, "secret"), filepath.Join(top, "real")
	for _, dir := range []string{secret, real} {
		if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "in"), []byte(filepath.Base(dir)), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(real, granted); err != nil {
		t.Fatal(err)
	}
	return granted, secret, real
}

func read(t *testing.T, f FS, name string) string {
	t.Helper()
	opened, err := f.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	text, err := io.ReadAll(opened)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A folder that a link takes the place of, once it is open, is the folder that it was.
func TestGrantedFolderIsReplacedBehindAnOpenOne(t *testing.T) {
	granted, secret, real := grantedWorld(t)
	f, err := Granted(Grant{Dir: granted, Write: folders(t, granted), Temp: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, f, filepath.Join(granted, "in")); got != "real" {
		t.Errorf("read %q", got)
	}
	if err := errors.Join(os.Rename(real, real+"2"), os.Symlink(secret, real)); err != nil {
		t.Fatal(err)
	}
	if got := read(t, f, "in"); got != "real" {
		t.Errorf("read %q", got)
	}
	created, err := f.Create("new")
	if err := errors.Join(err, created.Close(), f.Remove("in")); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(secret); err != nil || len(entries) != 1 || entries[0].Name() != "in" {
		t.Errorf("the other folder has %v, %v", entries, err)
	}
}

// A folder that a link has taken the place of between its grant and a job is refused, one that was made anew is not.
func TestGrantedFolderIsReplacedByALink(t *testing.T) {
	for name, c := range map[string]struct {
		replace func(granted, secret, real string) error
		refused bool
	}{
		"nothing": {func(_, _, _ string) error { return nil }, false},
		"the folder": {func(_, secret, real string) error {
			return errors.Join(os.Rename(real, real+"2"), os.Symlink(secret, real))
		}, true},
		"the same": {func(_, _, real string) error {
			return errors.Join(os.Rename(real, real+"2"), os.Symlink(real+"2", real))
		}, true},
		"its link": {func(granted, secret, _ string) error {
			return errors.Join(os.Remove(granted), os.Symlink(secret, granted))
		}, false},
		"with a folder": {func(_, secret, real string) error {
			return errors.Join(os.Rename(real, real+"2"), os.Mkdir(real, 0o700), os.WriteFile(filepath.Join(real, "in"), []byte("real"), 0o600))
		}, false},
	} {
		granted, secret, real := grantedWorld(t)
		grant := Grant{Dir: granted, Read: folders(t, granted), Temp: t.TempDir()}
		if err := c.replace(granted, secret, real); err != nil {
			t.Fatal(err)
		}
		f, err := Granted(grant)
		if refused := errors.Is(err, ErrReplaced); refused != c.refused || err != nil && !refused {
			t.Errorf("%s is replaced: %v", name, err)
		}
		if err == nil && read(t, f, "in") != "real" {
			t.Errorf("%s is replaced: it is another folder", name)
		}
	}
}

// A hard link cannot be told from the file, and is read; what has its other name is not changed.
func TestGrantedHardLinks(t *testing.T) {
	granted, secret, real := grantedWorld(t)
	other := filepath.Join(secret, "in")
	if err := os.Link(other, filepath.Join(real, "link")); err != nil {
		t.Fatal(err)
	}
	f, err := Granted(Grant{Dir: granted, Write: folders(t, granted), Temp: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, f, "link"); got != "secret" {
		t.Errorf("read %q", got)
	}
	if opened, err := f.Append("link"); !errors.Is(err, ErrOtherName) {
		t.Errorf("appending to a hard link: %v", err)
		_ = opened.Close() // the test has failed
	}
	if opened, err := f.Append("in"); err != nil || opened.Close() != nil {
		t.Errorf("appending to a file: %v", err)
	}
	if err := f.Rename("in", "link"); err != nil || read(t, f, "link") != "real" {
		t.Errorf("a hard link cannot be replaced: %v", err)
	}
	if got, err := os.ReadFile(other); string(got) != "secret" {
		t.Errorf("its other name has %q, %v", got, err)
	}
}
