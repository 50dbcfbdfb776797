package connector

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/host"
	"go.uber.org/goleak"
)

// TestRealFiles reads a folder through the operating system.
func TestRealFiles(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"b.txt": "b\n", "a.txt": "a", "c.txt.gz": compressors["gz"](t, "c\n"), "sub/d.txt": "d\n", "empty.txt": ""} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "sub"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	got, _, err := readAll(t, SourceSpec{Format: "lines", Paths: []string{filepath.Join(dir, "*")}}, host.New())
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, r := range got {
		values = append(values, r[strings.LastIndexByte(r, ' ')+1:])
	}
	if !slices.Equal(values, []string{`"a"`, `"b"`, `"c"`}) {
		t.Errorf("got %q", got)
	}
	_, _, err = readAll(t, SourceSpec{Format: "lines", Paths: []string{filepath.Join(dir, "sub")}}, host.New())
	if err == nil || !strings.HasSuffix(err.Error(), `sub/*" for the files in it`) {
		t.Errorf("a folder: error %v", err)
	}
}

// TestReadersLeaveNothingRunning closes readers in the middle of their input.
func TestReadersLeaveNothingRunning(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for codec, compress := range compressors {
		h := memoryHost(t, map[string]string{"f": compress(t, strings.Repeat("line\n", 100_000))})
		r := openAll(t, SourceSpec{Format: "lines", Paths: []string{"f"}, BlockSize: 100}, h)
		if _, err := r.Next(); err != nil {
			t.Errorf("%s: %v", codec, err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("%s: %v", codec, err)
		}
	}
}
