package builtins_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
)

// TestOutputOverAHardLink tests that outputs are new files: what has another name of one that was there keeps what it had.
func TestOutputOverAHardLink(t *testing.T) {
	top := t.TempDir()
	granted, other := filepath.Join(top, "granted"), filepath.Join(top, "other")
	outputs := []string{"out.txt", "dead.jsonl"}
	if err := os.Mkdir(granted, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range outputs {
		if err := errors.Join(os.WriteFile(other+name, []byte("other"), 0o600), os.Link(other+name, filepath.Join(granted, name))); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := host.NewFolder(granted)
	if err != nil {
		t.Fatal(err)
	}
	h := host.New()
	h.Stdout = io.Discard
	if h.FS, err = host.Granted(host.Grant{Dir: granted, Write: []host.Folder{folder}, Temp: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	w := &world{Host: h}
	if _, err := w.run(`job = from_enumerable(["1", "x"]).map(int, on_error = "dead.jsonl").write("out.txt")`, engine.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range outputs {
		if got, err := os.ReadFile(other + name); string(got) != "other" {
			t.Errorf("the other name of %s has %q, %v", name, got, err)
		}
		if got, err := os.ReadFile(filepath.Join(granted, name)); err != nil || string(got) == "other" || len(got) == 0 {
			t.Errorf("%s has %q, %v", name, got, err)
		}
	}
}
