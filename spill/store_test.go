package spill

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/flowsh/flowsh/engine/host"
)

// Badger leaves these behind when a database does not open. That all of one that does are gone after Close is
// TestBadgerLeavesNoGoroutines.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/dgraph-io/badger/v4.(*DB).monitorCache"),
		goleak.IgnoreTopFunction("github.com/dgraph-io/badger/v4.(*DB).updateSize"),
		goleak.IgnoreTopFunction("github.com/dgraph-io/badger/v4/y.(*WaterMark).process"),
		goleak.IgnoreTopFunction("github.com/dgraph-io/ristretto/v2/z.(*AllocatorPool).freeupAllocators"))
}

// stores makes each kind of store; whatever is not in it is not supported. None has been closed.
var stores = []struct {
	name string
	open func(t testing.TB) Store
}{
	{"mem", func(testing.TB) Store { return NewMem() }},
	{"segments", func(t testing.TB) Store { return NewSegments(host.New(), t.TempDir(), nil) }},
	{"segments in memory", func(t testing.TB) Store { return NewSegments(host.NewMemory(), "/tmp", nil) }},
	{"small segments", func(t testing.TB) Store {
		return NewSegments(host.NewMemory(), "/tmp", &SegmentsOptions{SegmentSize: 100})
	}},
	{"segments that stay", func(t testing.TB) Store {
		return openSegments(t, host.New(), filepath.Join(t.TempDir(), "job"), &SegmentsOptions{Lock: true})
	}},
	{"small segments that stay", func(t testing.TB) Store {
		return openSegments(t, host.NewMemory(), "/tmp/job", &SegmentsOptions{SegmentSize: 100})
	}},
	{"badger", func(t testing.TB) Store { return openBadger(t, filepath.Join(t.TempDir(), "job"), nil) }},
	{"tiered", func(t testing.TB) Store {
		return NewTiered(4096, func() (Store, error) { return NewSegments(host.NewMemory(), "/tmp", nil), nil })
	}},
	{"tiered without memory", func(t testing.TB) Store {
		return NewTiered(0, func() (Store, error) { return NewMem(), nil })
	}},
	{"tiered on badger", func(t testing.TB) Store {
		dir := filepath.Join(t.TempDir(), "job")
		return NewTiered(4096, func() (Store, error) { return OpenBadger(host.New(), dir, nil) })
	}},
}

func openBadger(t testing.TB, dir string, o *BadgerOptions) *Badger {
	t.Helper()
	b, err := OpenBadger(host.New(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestStores(t *testing.T) {
	for _, s := range stores {
		t.Run(s.name, func(t *testing.T) { RunStore(t, s.open) })
	}
}

// RunStore is the conformance suite of Store. open returns an empty store, which the suite closes.
func RunStore(t *testing.T, open func(t testing.TB) Store) {
	cases := []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"what was put is got", putGet},
		{"put replaces", replace},
		{"delete", remove},
		{"get appends to buf", appendTo},
		{"sizes", manySizes},
		{"ids hold any bytes", anyIDs},
		{"data is not retained", notRetained},
		{"like a map", likeMap},
		{"different ids at once", concurrentIDs},
		{"one id at once", concurrentID},
		{"queue", queueIn},
		{"sync", func(t *testing.T, s Store) { put(t, s, "a", "1"); check(t, s.Sync()); wantGet(t, s, "a", "1") }},
		{"closed", closed},
		{"closed while in use", closedInUse},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := open(t)
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			c.run(t, s)
		})
	}
}

func putGet(t *testing.T, s Store) {
	wantBytes(t, s, 0)
	wantMissing(t, s, "a")
	check(t, s.Sync())
	check(t, s.Delete("a"))
	put(t, s, "a", "one")
	put(t, s, "b", "three")
	wantGet(t, s, "a", "one")
	wantGet(t, s, "b", "three")
	wantGet(t, s, "a", "one")
	wantMissing(t, s, "c")
	wantBytes(t, s, 8)
}

func replace(t *testing.T, s Store) {
	for _, data := range []string{"one", "", "a longer one", strings.Repeat("x", 5000), "short"} {
		put(t, s, "a", data)
		wantGet(t, s, "a", data)
		wantBytes(t, s, int64(len(data)))
	}
}

func remove(t *testing.T, s Store) {
	put(t, s, "a", "one")
	put(t, s, "b", "two")
	check(t, s.Delete("a"))
	check(t, s.Delete("a"))
	check(t, s.Delete("never put"))
	wantMissing(t, s, "a")
	wantGet(t, s, "b", "two")
	wantBytes(t, s, 3)
	put(t, s, "a", "again")
	wantGet(t, s, "a", "again")
}

func appendTo(t *testing.T, s Store) {
	put(t, s, "a", "chunk")
	for _, buf := range [][]byte{nil, []byte("before "), append(make([]byte, 0, 100), "before "...)} {
		got, err := s.Get("a", buf)
		check(t, err)
		if want := string(buf) + "chunk"; string(got) != want {
			t.Errorf("Get(%q) = %q, want %q", buf, got, want)
		}
	}
	got, err := s.Get("missing", []byte("before"))
	if !errors.Is(err, ErrNotFound) || string(got) != "before" {
		t.Errorf("Get of a missing chunk = %q, %v; want buf and ErrNotFound", got, err)
	}
}

func manySizes(t *testing.T, s Store) {
	var sum int64
	for _, n := range []int{0, 1, 99, 1023, 1024, 1025, 64 << 10, 1 << 20, 17 << 20} {
		data := pattern(n, byte(n))
		id := fmt.Sprint(n)
		check(t, s.Put(id, data))
		sum += int64(n)
		wantBytes(t, s, sum)
		got, err := s.Get(id, nil)
		check(t, err)
		if !bytes.Equal(got, data) {
			t.Errorf("a chunk of %d bytes came back as another of %d", n, len(got))
		}
	}
}

func anyIDs(t *testing.T, s Store) {
	ids := []string{"", "\x00", "\xff\xfe", "!badger!head", "c", "cc", "../../etc/passwd", "a/b\n", strings.Repeat("i", 32<<10)}
	for i, id := range ids {
		put(t, s, id, fmt.Sprint("chunk ", i))
	}
	for i, id := range ids {
		wantGet(t, s, id, fmt.Sprint("chunk ", i))
		check(t, s.Delete(id))
		wantMissing(t, s, id)
	}
	wantBytes(t, s, 0)
}

func notRetained(t *testing.T, s Store) {
	for _, n := range []int{100, 10_000} { // Badger keeps them in different places
		data := bytes.Repeat([]byte("x"), n)
		check(t, s.Put("a", data))
		clear(data)
		wantGet(t, s, "a", strings.Repeat("x", n))
		got, err := s.Get("a", nil)
		check(t, err)
		clear(got)
		wantGet(t, s, "a", strings.Repeat("x", n))
	}
}

func likeMap(t *testing.T, s Store) {
	ids := rapid.SampledFrom([]string{"", "a", "b", "c", "d", "e", "f"})
	rapid.Check(t, func(rt *rapid.T) {
		model := map[string][]byte{}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			id := ids.Draw(rt, "id")
			switch rapid.IntRange(0, 3).Draw(rt, "op") {
			case 0, 1:
				n := rapid.OneOf(rapid.IntRange(0, 60), rapid.IntRange(900, 3000)).Draw(rt, "length")
				data := pattern(n, rapid.Byte().Draw(rt, "first"))
				check(rt, s.Put(id, data))
				model[id] = data
			case 2:
				check(rt, s.Delete(id))
				delete(model, id)
			case 3:
				compare(rt, s, id, model)
			}
			var sum int64
			for _, data := range model {
				sum += int64(len(data))
			}
			wantBytes(rt, s, sum)
		}
		for _, id := range []string{"", "a", "b", "c", "d", "e", "f"} {
			compare(rt, s, id, model)
			check(rt, s.Delete(id))
		}
		wantBytes(rt, s, 0)
	})
}

func compare(t rapid.TB, s Store, id string, model map[string][]byte) {
	t.Helper()
	got, err := s.Get(id, nil)
	want, ok := model[id]
	switch {
	case !ok && !errors.Is(err, ErrNotFound):
		t.Errorf("Get(%q) = %d bytes, %v; want ErrNotFound", id, len(got), err)
	case ok && (err != nil || !bytes.Equal(got, want)):
		t.Errorf("Get(%q) = %d bytes, %v; want %d bytes", id, len(got), err, len(want))
	}
}

func concurrentIDs(t *testing.T, s Store) {
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 40 {
				id, data := fmt.Sprint(g, "/", i), string(pattern(g*200+i, byte(g)))
				if err := s.Put(id, []byte(data)); err != nil {
					t.Error(err)
				}
				if got, err := s.Get(id, nil); err != nil || string(got) != data {
					t.Errorf("Get(%q) = %d bytes, %v; want %d bytes", id, len(got), err, len(data))
				}
				if i%4 > 0 {
					if err := s.Delete(id); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	var sum int64
	for g := range 8 {
		for i := 0; i < 40; i += 4 {
			sum += int64(g*200 + i)
		}
	}
	wantBytes(t, s, sum)
}

// concurrentID checks that a chunk under contention is always whole: its bytes say how many it has.
func concurrentID(t *testing.T, s Store) {
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 40 {
				n := (g*40 + i) % 200
				if err := s.Put("a", bytes.Repeat([]byte{byte(n)}, n)); err != nil {
					t.Error(err)
				}
				got, err := s.Get("a", nil)
				if err != nil && !errors.Is(err, ErrNotFound) {
					t.Error(err)
				}
				if bytes.Count(got, []byte{byte(len(got))}) != len(got) {
					t.Errorf("a torn chunk of %d bytes", len(got))
				}
				if i%5 == 0 {
					if err := s.Delete("a"); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	all.Wait()
	got, err := s.Get("a", nil)
	if err != nil && !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	wantBytes(t, s, int64(len(got)))
}

// queueIn puts and deletes in turn, so that a store that gives space back only in large pieces shows it.
func queueIn(t *testing.T, s Store) {
	for i := range 300 {
		put(t, s, fmt.Sprint(i), "a chunk that is not long")
		if i >= 3 {
			wantGet(t, s, fmt.Sprint(i-3), "a chunk that is not long")
			check(t, s.Delete(fmt.Sprint(i-3)))
		}
	}
	wantBytes(t, s, 3*24)
}

func closed(t *testing.T, s Store) {
	put(t, s, "a", "one")
	put(t, s, "b", strings.Repeat("x", 5000))
	check(t, s.Close())
	check(t, s.Close())
	_, getErr := s.Get("a", nil)
	for call, err := range map[string]error{
		"Put":    s.Put("a", []byte("two")),
		"Get":    getErr,
		"Delete": s.Delete("a"),
		"Sync":   s.Sync(),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s after Close = %v, want ErrClosed", call, err)
		}
	}
	wantBytes(t, s, 0)
}

func closedInUse(t *testing.T, s Store) {
	var all sync.WaitGroup
	started := make(chan struct{}, 3)
	for g := range 3 {
		all.Go(func() {
			id := fmt.Sprint(g)
			for i := 0; ; i++ {
				if i == 10 {
					started <- struct{}{}
				}
				err := errors.Join(s.Put(id, pattern(2000, 1)), get(s, id), s.Delete(id))
				if errors.Is(err, ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 3 {
		<-started
	}
	check(t, s.Close())
	all.Wait()
}

func get(s Store, id string) error { _, err := s.Get(id, nil); return err }

func pattern(n int, first byte) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = first + byte(i) + byte(i>>8)
	}
	return data
}

func check(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, s Store, id, data string) {
	t.Helper()
	check(t, s.Put(id, []byte(data)))
}

func wantGet(t testing.TB, s Store, id, want string) {
	t.Helper()
	got, err := s.Get(id, nil)
	if err != nil || string(got) != want {
		t.Errorf("Get(%.20q) = %.60q, %v; want %.60q", id, got, err, want)
	}
}

func wantMissing(t testing.TB, s Store, id string) {
	t.Helper()
	if _, err := s.Get(id, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("Get(%.20q) = %v, want ErrNotFound", id, err)
	}
}

func wantBytes(t rapid.TB, s Store, want int64) {
	t.Helper()
	if got := s.Bytes(); got != want {
		t.Fatalf("Bytes() = %d, want %d", got, want)
	}
}
