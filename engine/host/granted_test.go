package host

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

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
	f, err := Granted(Grant{Dir: read, Read: []string{read}, Write: []string{write}, Temp: temp})
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
