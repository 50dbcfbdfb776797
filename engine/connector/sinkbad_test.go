package connector

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"go.starlark.net/starlark"
)

func TestOutputsInTheWay(t *testing.T) {
	for _, c := range []struct {
		spec    SinkSpec
		prepare func(m *host.MemFS) error
		want    string
	}{
		{
			SinkSpec{Target: "/d"},
			func(m *host.MemFS) error { return m.MkdirAll("/d") },
			"/d: cannot be written: /d is a folder: name a file in it, or end the path in /",
		},
		{
			SinkSpec{Target: "/d/a"},
			func(m *host.MemFS) error { return errors.Join(m.MkdirAll("/d"), m.Chmod("/d", 0o500)) },
			"/d/a: cannot be written: permission denied",
		},
		{
			SinkSpec{Target: "/d/new/a"},
			func(m *host.MemFS) error { return errors.Join(m.MkdirAll("/d"), m.Chmod("/d", 0o500)) },
			"/d/new/a: cannot be written: permission denied",
		},
		{
			SinkSpec{Target: "/d/{}", ByKey: true},
			func(m *host.MemFS) error { return errors.Join(m.MkdirAll("/d"), m.Chmod("/d", 0o500)) },
			"/d/{}: cannot be written: permission denied",
		},
		{SinkSpec{Target: "/f/a"}, func(m *host.MemFS) error { return touch(m, "/f") }, "/f is not a folder"},
		{SinkSpec{Target: "/f/"}, func(m *host.MemFS) error { return touch(m, "/f") }, "/f/: cannot be written: /f is a file: remove it, or end the path without /"},
		{
			SinkSpec{Target: "/d/"},
			func(m *host.MemFS) error { return errors.Join(m.MkdirAll("/d"), touch(m, "/d/old")) },
			"/d/: cannot be written: the folder is not empty: remove it, or name another",
		},
	} {
		h := host.NewMemory()
		if err := c.prepare(h.FS.(*host.MemFS)); err != nil {
			t.Fatal(err)
		}
		s, err := NewSink(c.spec, h, io.Discard)
		var failed *WriteError
		if s != nil || !errors.As(err, &failed) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.spec.Target, err, c.want)
		}
	}
}

func touch(m *host.MemFS, name string) error {
	f, err := m.Create(name)
	if err != nil {
		return err
	}
	return f.Close()
}

func TestDiskFull(t *testing.T) {
	for target, spec := range targets {
		if spec.Target == "-" {
			continue
		}
		b := newMemoryBench()
		s := b.open(t, spec)
		disk := b.host.FS.(*host.MemFS)
		disk.SetLimit(20)
		err := run(s, spec.ByKey, pairs(20000))
		var failed *WriteError
		if !errors.As(err, &failed) || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "the disk is full") ||
			!strings.Contains(err.Error(), spec.Target) || strings.Contains(err.Error(), ".tmp") {
			t.Errorf("%s: got %v", target, err)
		}
		if err := s.Abort(); err != nil {
			t.Errorf("%s: %v", target, err)
		}
		if left := b.tree(t); len(left) > 0 || disk.Used() != 0 {
			t.Errorf("%s: left %v, %d bytes", target, left, disk.Used())
		}
	}
}

func TestAnEmptyFolderIsReplaced(t *testing.T) {
	b := newMemoryBench()
	spec := SinkSpec{Target: "parts/"}
	if err := b.host.FS.MkdirAll("/out/parts"); err != nil {
		t.Fatal(err)
	}
	s := b.open(t, spec)
	if err := write(s, false, pairs(3)); err != nil {
		t.Fatal(err)
	}
	if err := run(s, false, pairs(3)); err != nil {
		t.Fatal(err)
	}
	if got := b.read(t, "parts/part-00000.txt"); strings.Count(got, "\n") != 6 {
		t.Errorf("got %q", got)
	}
}

func TestAFolderFilledMeanwhileIsKept(t *testing.T) {
	b := newMemoryBench()
	s := b.open(t, SinkSpec{Target: "parts/"})
	if err := errors.Join(write(s, false, pairs(3)), s.Prepare()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(b.host.FS.MkdirAll("/out/parts"), touch(b.host.FS.(*host.MemFS), "/out/parts/theirs")); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(); err == nil || !strings.Contains(err.Error(), "the folder is not empty") {
		t.Errorf("got %v", err)
	}
	if err := s.Abort(); err != nil {
		t.Error(err)
	}
	if left := b.tree(t); len(left) != 2 {
		t.Errorf("left %v", left)
	}
}

func TestAFileOfBeforeSurvivesAFailure(t *testing.T) {
	for _, point := range []host.Point{pointCreate, pointWrite, pointSync, pointRename} {
		b := newMemoryBench()
		spec := SinkSpec{Target: "a.tsv"}
		if err := run(b.open(t, spec), false, pairs(10)); err != nil {
			t.Fatal(err)
		}
		before := b.read(t, "a.tsv")
		b.host.Inject = func(p host.Point) error {
			if p == point {
				return errors.New("broken on purpose")
			}
			return nil
		}
		s := b.open(t, spec)
		if err := run(s, false, pairs(10)); err == nil {
			t.Errorf("%s did not fail", point)
		}
		if err := s.Abort(); err != nil {
			t.Error(err)
		}
		if got := b.tree(t); len(got) != 1 || got["a.tsv"] != before {
			t.Errorf("%s: left %v", point, got)
		}
	}
}

func TestClosedOutput(t *testing.T) {
	for _, broken := range []error{&fs.PathError{Op: "write", Path: "stdout", Err: syscall.EPIPE}, io.ErrClosedPipe} {
		s, err := NewSink(SinkSpec{Target: "-"}, host.NewMemory(), failingWriter{broken})
		if err != nil {
			t.Fatal(err)
		}
		if err := write(s, false, pairs(1)); err != ErrClosedOutput {
			t.Errorf("%v became %v", broken, err)
		}
	}
	s, err := NewSink(SinkSpec{Target: "-"}, host.NewMemory(), failingWriter{io.ErrShortWrite})
	if err != nil {
		t.Fatal(err)
	}
	var failed *WriteError
	if err := write(s, false, pairs(1)); !errors.As(err, &failed) || !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v", err)
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// TestCompressorsReportEveryError lets each write below a compressor fail.
func TestCompressorsReportEveryError(t *testing.T) {
	broken := errors.New("broken")
	for _, name := range []string{"", "gz", "zst", "xz", "lz4"} {
		for n := range 4 {
			w := &limitedWriter{left: n, err: broken}
			c, err := newCompressor(&layout{SinkSpec: SinkSpec{Compression: name}}, w)
			if err == nil {
				_, err = c.Write([]byte(strings.Repeat("text ", 100)))
				err = errors.Join(err, c.Close())
			}
			if w.left < 0 && !errors.Is(err, broken) {
				t.Errorf("%q: write %d failed, and it said %v", name, n, err)
			}
		}
	}
}

type limitedWriter struct {
	left int
	err  error
}

func (w *limitedWriter) Write(data []byte) (int, error) {
	if w.left--; w.left < 0 {
		return 0, w.err
	}
	return len(data), nil
}

func TestDevices(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /dev/null")
	}
	h := host.New()
	for range 2 {
		s, err := NewSink(SinkSpec{Target: os.DevNull}, h, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(run(s, false, pairs(10)), s.Abort()); err != nil {
			t.Error(err)
		}
	}
	if info, err := os.Stat(os.DevNull); err != nil || info.Mode().IsRegular() {
		t.Fatalf("%s was replaced by a file: %v, %v", os.DevNull, info.Mode(), err)
	}
	var stderr strings.Builder
	m := host.NewMemory()
	m.Stderr = &stderr
	s, err := NewSink(SinkSpec{Target: "/dev/stderr"}, m, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if err := run(s, false, pairs(1)); err != nil || stderr.String() != "red\t0\n" {
		t.Errorf("stderr got %q, %v", stderr.String(), err)
	}
}

// countingFS counts open files.
type countingFS struct {
	host.FS
	open, most int
}

type countedFile struct {
	host.File
	fs *countingFS
}

func (c *countingFS) count(f host.File, err error) (host.File, error) {
	if err != nil {
		return nil, err
	}
	c.open++
	c.most = max(c.most, c.open)
	return countedFile{f, c}, nil
}

func (c *countingFS) Open(name string) (host.File, error)   { return c.count(c.FS.Open(name)) }
func (c *countingFS) Create(name string) (host.File, error) { return c.count(c.FS.Create(name)) }
func (c *countingFS) Append(name string) (host.File, error) { return c.count(c.FS.Append(name)) }

func (f countedFile) Close() error {
	f.fs.open--
	return f.File.Close()
}

func TestManyKeysFewOpenFiles(t *testing.T) {
	const keys, rounds = 3 * maxOpenFiles, 4
	b := newMemoryBench()
	files := &countingFS{FS: b.host.FS}
	b.host.FS = files
	s := b.open(t, SinkSpec{Target: "by/{}", ByKey: true})
	s.(*keySink).maxHeld = 2 << 20 // less than half of what all keys together write in a round
	long := strings.Repeat("x", maxHeldByKey/4)
	for round := range rounds {
		var values []starlark.Value
		for k := range keys {
			values = append(values, starlark.Tuple{starlark.MakeInt(k), starlark.String(fmt.Sprint(round, long))})
		}
		if err := write(s, true, values); err != nil {
			t.Fatal(err)
		}
		if held := s.(*keySink).held; held > 2<<20 {
			t.Errorf("holds %d bytes", held)
		}
	}
	if err := errors.Join(s.Prepare(), s.Commit()); err != nil {
		t.Fatal(err)
	}
	if files.most > maxOpenFiles || files.open != 0 {
		t.Errorf("%d files were open at once, %d at the end", files.most, files.open)
	}
	for _, k := range []int{0, keys - 1} {
		want := ""
		for round := range rounds {
			want += fmt.Sprintf("%d\t%d%s\n", k, round, long)
		}
		if got := b.read(t, fmt.Sprint("by/", k)); got != want {
			t.Errorf("key %d: %d bytes, want %d", k, len(got), len(want))
		}
	}
}

func TestKeysThatCannotHaveAFile(t *testing.T) {
	for _, c := range []struct {
		key  string
		want []string
	}{
		{"c", []string{`with the key "c"`, "it would be file number 3", "max_files="}},
		{strings.Repeat("k", 300), []string{"a file name has at most 255 bytes"}},
	} {
		b := newMemoryBench()
		spec := SinkSpec{Target: "by/{}.csv", ByKey: true, MaxFiles: 2}
		s := b.open(t, spec)
		n := starlark.MakeInt(1)
		values := []starlark.Value{starlark.Tuple{starlark.String("a"), n}, starlark.Tuple{starlark.String("b"), n}, starlark.Tuple{starlark.String(c.key), n}}
		if len(c.key) > 1 {
			values = values[1:]
		}
		err := write(s, true, values)
		var failed *EncodeError
		if !errors.As(err, &failed) || failed.Record != len(values)-1 {
			t.Errorf("%.10q: got %v", c.key, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%.10q: %v does not say %s", c.key, err, want)
			}
		}
		if err := s.Abort(); err != nil || len(b.tree(t)) > 0 {
			t.Errorf("left %v, %v", b.tree(t), err)
		}
	}
}

func TestAKeyThatNamesAFolder(t *testing.T) {
	b := newMemoryBench()
	if err := b.host.FS.MkdirAll("/out/by/red"); err != nil {
		t.Fatal(err)
	}
	s := b.open(t, SinkSpec{Target: "by/{}", ByKey: true})
	if err := write(s, true, pairs(1)); err == nil || !strings.Contains(err.Error(), "/out/by/red is a folder") {
		t.Errorf("got %v", err)
	}
}

func TestEncodersShareTheirMemory(t *testing.T) {
	b := newMemoryBench()
	s := b.open(t, SinkSpec{Target: "a.tsv"})
	const workers, rounds = 4, 50
	encoded := make(chan *Encoded)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			e := s.NewEncoder()
			for range rounds {
				out, err := e.Encode(typedBatch(pairs(20)...), nil)
				if err != nil {
					t.Error(err)
					return
				}
				encoded <- out
			}
		})
	}
	go func() { group.Wait(); close(encoded) }()
	for out := range encoded {
		if err := s.Write(out); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(s.Prepare(), s.Commit()); err != nil {
		t.Fatal(err)
	}
	one, err := encode(t, SinkSpec{Format: "tsv"}, typedBatch(pairs(20)...))
	if err != nil {
		t.Fatal(err)
	}
	if got := b.read(t, "a.tsv"); got != strings.Repeat(one, workers*rounds) {
		t.Errorf("%d bytes, want %d copies of %q", len(got), workers*rounds, one)
	}
}

func TestReplaces(t *testing.T) {
	h := host.NewMemory()
	for _, c := range []struct {
		target string
		byKey  bool
		file   string
		want   bool
	}{
		{"a.txt", false, "./a.txt", true},
		{"a.txt", false, "b.txt", false},
		{"d/{}.txt", true, "d/x.txt", true},
		{"d/{}.txt", true, "d/../d/x.txt", true},
		{"d/{}.txt", true, "d/.txt", true},
		{"d/{}.txt", true, "d/x/y.txt", false},
		{"d/{}.txt", true, "e/x.txt", false},
		{"d/{}.txt", true, "d/x.txt.gz", false},
		{"d/{}d", true, "d/d", true},
		{"d/xx{}x", true, "d/xx", false},
	} {
		if got := Replaces(h, &SinkSpec{Target: c.target, ByKey: c.byKey}, c.file); got != c.want {
			t.Errorf("%s and %s: %t", c.target, c.file, got)
		}
	}
}

func TestSamePath(t *testing.T) {
	dir := t.TempDir()
	a, link, other := filepath.Join(dir, "a"), filepath.Join(dir, "link"), filepath.Join(dir, "other")
	for _, name := range []string{a, other} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := host.New()
	if !SamePath(h, a, filepath.Join(dir, "x", "..", "a")) || SamePath(h, a, other) || SamePath(h, a, filepath.Join(dir, "no")) {
		t.Error("plain names are compared wrongly")
	}
	if err := os.Symlink(a, link); err == nil && !SamePath(h, a, link) {
		t.Error("a link is another file")
	}
}

func TestBoxedKeys(t *testing.T) {
	b := newMemoryBench()
	spec := SinkSpec{Target: "by/{}", ByKey: true}
	s := b.open(t, spec)
	values := elements(t, `[1, 1.5, True, None, ("a", 2), "%"]`)
	keys := &chunk.Column{Kind: chunk.Any, N: len(values), Values: values}
	out, err := s.NewEncoder().Encode(boxedBatch(values...), keys)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Write(out), s.Prepare(), s.Commit()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1", "1.5", "true", "%", "a%092", "%25"} {
		if b.tree(t)["by/"+name] == "" {
			t.Errorf("%s is missing in %v", name, b.tree(t))
		}
	}
}
