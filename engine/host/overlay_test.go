package host

import (
	"errors"
	"io"
	"io/fs"
	"testing"
)

func TestOverlay(t *testing.T) {
	below := NewMemFS()
	for name, text := range map[string]string{"/data/a": "below", "/data/b": "below", "/other/c": "below"} {
		o := &overlay{files: below}
		if err := o.add(name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	o := Overlay(below, "/data", map[string][]byte{"/data/a": []byte("above"), "/empty/e": {}})
	for name, want := range map[string]string{"a": "above", "/data/a": "above", "./../data/b": "below", "/other/c": "below", "/empty/e": ""} {
		f, err := o.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		if info, statErr := o.Stat(name); err != nil || statErr != nil || string(text) != want || info.Size() != int64(len(want)) {
			t.Errorf("%s: %q %v %v, want %q", name, text, err, statErr, want)
		}
		_ = f.Close() // it was read
	}
	if _, err := o.Open("/nosuch"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is nowhere: %v", err)
	}
	if entries, err := o.ReadDir("/empty"); err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v: %v", entries, err)
	}
	if entries, err := o.ReadDir("/other"); err != nil || len(entries) != 1 {
		t.Errorf("the folder below has %v: %v", entries, err)
	}
}
