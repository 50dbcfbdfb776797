package connector

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
	"go.starlark.net/starlark"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

// A bench is a place to write to: a host with an empty folder, and a stdout.
type bench struct {
	host   *host.Host
	root   string
	stdout *bytes.Buffer
}

// places are the file systems that sinks are tested on.
var places = map[string]func(t testing.TB) bench{
	"memory": func(testing.TB) bench { return newMemoryBench() },
	"disk": func(t testing.TB) bench {
		h := host.New()
		return bench{host: h, root: t.TempDir(), stdout: &bytes.Buffer{}}
	},
}

func newMemoryBench() bench {
	h := host.NewMemory()
	if err := h.FS.MkdirAll("/out"); err != nil {
		panic(err) // the file system is empty
	}
	return bench{host: h, root: "/out", stdout: &bytes.Buffer{}}
}

// targets are the kinds of outputs, each with the spec below the bench's root.
var targets = map[string]SinkSpec{
	"file":        {Target: "a.tsv"},
	"gz":          {Target: "a.tsv.gz"},
	"zst":         {Target: "a.tsv.zst"},
	"xz":          {Target: "a.csv.xz"},
	"lz4":         {Target: "a.jsonl.lz4"},
	"table":       {Target: "a.txt", Format: "table", Columns: []string{"key", "n"}},
	"new folders": {Target: "x/y/a.csv", Columns: []string{"key", "n"}},
	"parts":       {Target: "parts/"},
	"parts gz":    {Target: "x/parts.csv.gz/", Columns: []string{"key", "n"}},
	"by key":      {Target: "by/{}.csv", ByKey: true, Columns: []string{"key", "n"}},
	"by key gz":   {Target: "by/{}/a.tsv.gz", ByKey: true},
	"stdout":      {Target: "-", Format: "csv"},
	"stdout gz":   {Target: "-", Compression: "gz"},
	"parquet":     {Target: "a.parquet", Columns: []string{"key", "n"}},
	"by key pq":   {Target: "by/{}.parquet", ByKey: true, Columns: []string{"key", "n"}},
}

func (b bench) open(t rapid.TB, spec SinkSpec) Sink {
	t.Helper()
	if spec.Target != "-" {
		spec.Target = filepath.Join(b.root, spec.Target) + strings.Repeat("/", strings.Count(spec.Target[len(spec.Target)-1:], "/"))
	}
	s, err := NewSink(spec, b.host, b.stdout)
	if err != nil {
		t.Fatal(err)
	}
	if folder, ok := s.(*folderSink); ok {
		folder.size = 500 // several parts of the test's few records
	}
	return s
}

// tree lists all that stands under the root, folders with a final slash, and what came out of stdout.
func (b bench) tree(t rapid.TB) map[string]string {
	t.Helper()
	files := map[string]string{}
	if b.stdout.Len() > 0 {
		files["-"] = b.stdout.String()
	}
	var walk func(dir string)
	walk = func(dir string) {
		entries, err := b.host.FS.ReadDir(filepath.Join(b.root, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			name := filepath.Join(dir, e.Name())
			if e.IsDir() {
				files[name+"/"] = ""
				walk(name)
				continue
			}
			files[name] = b.read(t, name)
		}
	}
	walk(".")
	return files
}

func (b bench) read(t rapid.TB, name string) string {
	t.Helper()
	f, err := b.host.FS.Open(filepath.Join(b.root, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// pairs are n records of a key and a number.
func pairs(n int) []starlark.Value {
	keys := []string{"red", "green", "", "a/b", "blue"}
	values := make([]starlark.Value, n)
	for i := range values {
		values[i] = starlark.Tuple{starlark.String(keys[i%len(keys)]), starlark.MakeInt(i)}
	}
	return values
}

// write encodes records in batches that end where cuts say, and writes them in order.
func write(s Sink, byKey bool, values []starlark.Value, cuts ...int) error {
	e := s.NewEncoder()
	from := 0
	for _, to := range append(cuts, len(values)) {
		b := typedBatch(values[from:to]...)
		from = to
		var keys *chunk.Column
		if byKey {
			keys = &chunk.Column{}
			for i := range b.N {
				keys.Append(b.At(i).(starlark.Tuple)[0])
			}
		}
		out, err := e.Encode(b, keys)
		if err != nil {
			return err
		}
		if err := s.Write(out); err != nil {
			return err
		}
	}
	return nil
}

// run takes a sink through its life.
func run(s Sink, byKey bool, values []starlark.Value, cuts ...int) error {
	if err := write(s, byKey, values, cuts...); err != nil {
		return err
	}
	if err := s.Prepare(); err != nil {
		return err
	}
	return s.Commit()
}

func TestSink(t *testing.T) {
	for place, open := range places {
		for target, spec := range targets {
			t.Run(place+"/"+target, func(t *testing.T) {
				runSink(t, spec, func(t *testing.T) bench { return open(t) })
			})
		}
	}
}

// runSink is the conformance suite of Sink.
func runSink(t *testing.T, spec SinkSpec, open func(t *testing.T) bench) {
	stdout := spec.Target == "-"
	for name, test := range map[string]func(t *testing.T, b bench, spec SinkSpec){
		"holds all records":          testHoldsRecords,
		"no records":                 testNoRecords,
		"batches do not show":        testBatchesDoNotShow,
		"appears at commit":          testAppearsAtCommit,
		"abort":                      testAbort,
		"abort after commit":         testAbortAfterCommit,
		"commit twice":               testCommitTwice,
		"mode":                       testMode,
		"folders that others use":    testSharedFolders,
		"temporary names are hidden": testTemporaryNames,
	} {
		t.Run(name, func(t *testing.T) {
			if stdout && !strings.HasPrefix(name, "holds") && !strings.HasPrefix(name, "no ") && !strings.HasPrefix(name, "batches") {
				t.Skip("stdout cannot be taken back")
			}
			test(t, open(t), spec)
		})
	}
}

func testHoldsRecords(t *testing.T, b bench, spec SinkSpec) {
	s := b.open(t, spec)
	if err := run(s, spec.ByKey, pairs(200), 50, 50, 120); err != nil {
		t.Fatal(err)
	}
	var rows []string
	for name, data := range b.tree(t) {
		if !strings.HasSuffix(name, "/") {
			rows = append(rows, strings.SplitAfter(inflated(t, name, data), "\n")...)
		}
	}
	for _, v := range pairs(200) {
		key, n := string(v.(starlark.Tuple)[0].(starlark.String)), v.(starlark.Tuple)[1].String()
		if !slices.ContainsFunc(rows, func(row string) bool {
			cells := strings.FieldsFunc(row, func(r rune) bool { return strings.ContainsRune("\t,[]\" \n", r) })
			return slices.Equal(cells, strings.Fields(key+" "+n))
		}) {
			t.Fatalf("the record %s, %s is missing in %q", key, n, rows)
		}
	}
	if records, size := s.Written(); records != 200 || size < 300 {
		t.Errorf("written: %d records, %d bytes", records, size)
	}
}

// inflated undoes the compression that a name or, for stdout, the data itself tells.
func inflated(t testing.TB, name, data string) string {
	t.Helper()
	in := io.Reader(strings.NewReader(data))
	var err error
	switch {
	case strings.HasSuffix(name, ".gz"), name == "-" && strings.HasPrefix(data, "\x1f\x8b"):
		in, err = gzip.NewReader(in)
	case strings.HasSuffix(name, ".zst"):
		in, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1))
	case strings.HasSuffix(name, ".xz"):
		in, err = xz.NewReader(in)
	case strings.HasSuffix(name, ".lz4"):
		in = lz4.NewReader(in)
	}
	if strings.HasSuffix(name, ".parquet") {
		return parquetText(t, []byte(data))
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return string(text)
}

func testNoRecords(t *testing.T, b bench, spec SinkSpec) {
	if err := run(b.open(t, spec), spec.ByKey, nil); err != nil {
		t.Fatal(err)
	}
	want := 1
	if spec.ByKey || spec.Target == "-" && spec.Compression == "" {
		want = 0
	}
	got := 0
	for name, data := range b.tree(t) {
		if strings.HasSuffix(name, "/") {
			continue
		}
		got++
		heading := ""
		if spec.Columns != nil {
			heading = "key,n\n"
		}
		if spec.Format == "table" {
			heading = "key  n\n"
		}
		if text := inflated(t, name, data); text != heading {
			t.Errorf("%s holds %q, want %q", name, text, heading)
		}
	}
	if got != want {
		t.Errorf("%d files, want %d", got, want)
	}
}

func testBatchesDoNotShow(t *testing.T, b bench, spec SinkSpec) {
	if b.root != "/out" {
		t.Skip("the memory is enough")
	}
	const n = 300
	clean := newMemoryBench()
	if err := run(clean.open(t, spec), spec.ByKey, pairs(n)); err != nil {
		t.Fatal(err)
	}
	want := clean.tree(t)
	rapid.Check(t, func(t *rapid.T) {
		b := newMemoryBench()
		cuts := rapid.SliceOfN(rapid.IntRange(0, n), 0, 20).Draw(t, "cuts")
		slices.Sort(cuts)
		if err := run(b.open(t, spec), spec.ByKey, pairs(n), cuts...); err != nil {
			t.Fatal(err)
		}
		if got := b.tree(t); !maps.Equal(got, want) {
			t.Fatalf("other bytes: %s", difference(got, want))
		}
	})
}

func difference(got, want map[string]string) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			lines = append(lines, fmt.Sprintf("%s: got %.300q, want %.300q", name, got[name], want[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			lines = append(lines, name+" should not be there")
		}
	}
	return strings.Join(lines, "\n")
}

func testAppearsAtCommit(t *testing.T, b bench, spec SinkSpec) {
	s := b.open(t, spec)
	if err := write(s, spec.ByKey, pairs(100), 50); err != nil {
		t.Fatal(err)
	}
	checkHidden := func(when string) {
		for name := range b.tree(t) {
			if !strings.HasSuffix(name, "/") && !strings.Contains(name, ".tmp") {
				t.Errorf("%s there is %s", when, name)
			}
		}
	}
	checkHidden("before Prepare")
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	checkHidden("before Commit")
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	for name := range b.tree(t) {
		if strings.Contains(name, ".tmp") {
			t.Errorf("after Commit there is %s", name)
		}
	}
}

func testAbort(t *testing.T, b bench, spec SinkSpec) {
	for name, upTo := range map[string]func(s Sink) error{
		"at once":        func(s Sink) error { return nil },
		"after a write":  func(s Sink) error { return write(s, spec.ByKey, pairs(100)) },
		"after Prepare":  func(s Sink) error { return errors.Join(write(s, spec.ByKey, pairs(100)), s.Prepare()) },
		"twice, emptied": func(s Sink) error { return errors.Join(s.Prepare(), s.Abort()) },
	} {
		s := b.open(t, spec)
		if err := errors.Join(upTo(s), s.Abort()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if left := b.tree(t); len(left) > 0 {
			t.Errorf("%s it left %v", name, slices.Sorted(maps.Keys(left)))
		}
	}
}

func testAbortAfterCommit(t *testing.T, b bench, spec SinkSpec) {
	s := b.open(t, spec)
	if err := errors.Join(run(s, spec.ByKey, pairs(100)), s.Abort()); err != nil {
		t.Error(err)
	}
	if left := b.tree(t); len(left) > 0 {
		t.Errorf("it left %v", slices.Sorted(maps.Keys(left)))
	}
}

func testCommitTwice(t *testing.T, b bench, spec SinkSpec) {
	s := b.open(t, spec)
	if err := run(s, spec.ByKey, pairs(100)); err != nil {
		t.Fatal(err)
	}
	before := b.tree(t)
	if err := s.Commit(); err != nil {
		t.Error(err)
	}
	if got := b.tree(t); !maps.Equal(got, before) {
		t.Errorf("the second Commit changed something: %s", difference(got, before))
	}
	for name := range before {
		if !strings.HasSuffix(name, "/") {
			f, err := b.host.FS.Append(filepath.Join(b.root, name))
			if err != nil {
				t.Fatal(err)
			}
			io.WriteString(f, "x")
			f.Close()
		}
	}
	if err := s.Commit(); err == nil {
		t.Error("committed although another file stands under the name")
	}
}

func testMode(t *testing.T, b bench, spec SinkSpec) {
	if err := run(b.open(t, spec), spec.ByKey, pairs(10)); err != nil {
		t.Fatal(err)
	}
	for name := range b.tree(t) {
		info, err := b.host.FS.Stat(filepath.Join(b.root, name))
		if err != nil {
			t.Fatal(err)
		}
		want := fs.FileMode(0o666)
		if info.IsDir() {
			want = 0o777
		}
		if want &^= b.host.FS.Umask(); info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
}

func testSharedFolders(t *testing.T, b bench, spec SinkSpec) {
	dir := filepath.Dir(strings.TrimSuffix(spec.Target, "/"))
	if dir == "." || strings.Contains(dir, "{}") {
		t.Skip("makes no folder that others could use")
	}
	s := b.open(t, spec)
	if err := write(s, spec.ByKey, pairs(10)); err != nil {
		t.Fatal(err)
	}
	f, err := b.host.FS.Create(filepath.Join(b.root, dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if err := s.Abort(); err != nil {
		t.Error(err)
	}
	for name := range b.tree(t) {
		if !strings.HasSuffix(name, "/") && filepath.Base(name) != "other" {
			t.Errorf("left %s", name)
		}
	}
	if _, err := b.host.FS.Stat(f.Name()); err != nil {
		t.Error(err)
	}
}

func testTemporaryNames(t *testing.T, b bench, spec SinkSpec) {
	s := b.open(t, spec)
	if err := write(s, spec.ByKey, pairs(10)); err != nil {
		t.Fatal(err)
	}
	for name := range b.tree(t) {
		if strings.HasSuffix(name, "/") && !strings.Contains(name, ".tmp") {
			continue
		}
		hidden := false
		for element := range strings.SplitSeq(name, "/") {
			hidden = hidden || isTemporary(element)
		}
		if !hidden {
			t.Errorf("%s is in sight", name)
		}
	}
	if err := s.Abort(); err != nil {
		t.Error(err)
	}
}

// TestFaults fails every step of every sink once, at its first, second and third passage.
func TestFaults(t *testing.T) {
	defer goleak.VerifyNone(t) // an aborted compressor leaves nothing running
	broken := errors.New("broken on purpose")
	for target, spec := range targets {
		clean := newMemoryBench()
		if err := run(clean.open(t, spec), spec.ByKey, pairs(200), 100); err != nil {
			t.Fatal(err)
		}
		want := clean.tree(t)
		for _, point := range host.Points() {
			if !strings.HasPrefix(string(point), "sink.") {
				continue
			}
			for passage := range 3 {
				b := newMemoryBench()
				passed := 0
				b.host.Inject = func(p host.Point) error {
					if p == point {
						if passed++; passed == passage+1 {
							return broken
						}
					}
					return nil
				}
				where := fmt.Sprintf("%s, %s, passage %d", target, point, passage+1)
				s := b.open(t, spec)
				err := run(s, spec.ByKey, pairs(200), 100)
				if err == nil && passed <= passage {
					continue // the sink does not come here so often
				}
				if !errors.Is(err, broken) {
					t.Errorf("%s: got %v", where, err)
				}
				if err := s.Abort(); err != nil {
					t.Errorf("%s: Abort: %v", where, err)
				}
				if spec.Target == "-" {
					b.stdout.Reset()
				}
				if left := b.tree(t); len(left) > 0 {
					t.Errorf("%s: left %v", where, slices.Sorted(maps.Keys(left)))
				}
				if err := run(b.open(t, spec), spec.ByKey, pairs(200), 100); err != nil {
					t.Errorf("%s: the second try: %v", where, err)
				}
				if got := b.tree(t); !maps.Equal(got, want) {
					t.Errorf("%s: the second try: %s", where, difference(got, want))
				}
			}
		}
	}
}
