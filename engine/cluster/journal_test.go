package cluster

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flowsh/flowsh/engine/host"
)

// journaled opens the journal of a host and gives its records.
func journaled(h *host.Host) (*FileJournal, []string, error) {
	var records []string
	j, err := OpenJournal(h, "journal", func(r []byte) error {
		records = append(records, string(r))
		return nil
	})
	return j, records, err
}

// journalOf is a host with a journal of these bytes.
func journalOf(t *testing.T, data []byte) *host.Host {
	t.Helper()
	h := host.NewMemory()
	f, err := h.FS.Create("journal")
	if err == nil {
		_, err = f.Write(data)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func smallJournal(t *testing.T) (data []byte, records []string) {
	t.Helper()
	h := host.NewMemory()
	j, _, err := journaled(h)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []string{"first", "", "third record", strings.Repeat("x", 300)} {
		records = append(records, r)
		if err := j.Append([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if data, err = readAll(h, "journal"); err != nil {
		t.Fatal(err)
	}
	return data, records
}

// TestJournalCutAnywhere opens a journal that was cut at every byte: what comes is a prefix, and more can be added.
func TestJournalCutAnywhere(t *testing.T) {
	data, records := smallJournal(t)
	for n := range len(data) + 1 {
		h := journalOf(t, data[:n])
		j, got, err := journaled(h)
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if !slices.Equal(got, records[:len(got)]) || n == len(data) && len(got) != len(records) {
			t.Fatalf("cut at %d: %q", n, got)
		}
		if err := errors.Join(j.Append([]byte("more")), j.Close()); err != nil {
			t.Fatal(err)
		}
		if _, again, err := journaled(h); err != nil || !slices.Equal(again, append(got, "more")) {
			t.Fatalf("cut at %d, then more: %q, %v", n, again, err)
		}
	}
}

// TestJournalFlippedAnywhere flips a bit of every byte: the journal opens to a prefix, or is refused.
func TestJournalFlippedAnywhere(t *testing.T) {
	data, records := smallJournal(t)
	refused := 0
	for n := range data {
		bad := slices.Clone(data)
		bad[n] ^= 0x40
		_, got, err := journaled(journalOf(t, bad))
		var damage *DamageError
		switch {
		case errors.As(err, &damage):
			refused++
			if len(got) > 0 {
				t.Fatalf("byte %d: refused, with %q", n, got)
			}
		case err != nil:
			t.Fatal(err)
		case !slices.Equal(got, records[:len(got)]) || len(got) < len(records)-1:
			t.Fatalf("byte %d: %q", n, got)
		}
	}
	if refused == 0 {
		t.Error("no damage was seen")
	}
}

func TestJournalRewrites(t *testing.T) {
	h := journalOf(t, nil)
	j, _, err := journaled(h)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(j.Append([]byte("old")), j.Rewrite([][]byte{[]byte("a")}), j.Append([]byte("b")), j.Close()); err != nil {
		t.Fatal(err)
	}
	if _, got, err := journaled(h); err != nil || !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%q, %v", got, err)
	}
	if err := j.Append(make([]byte, mostJournaled+1)); err == nil {
		t.Error("a record without bounds is accepted")
	}
}

// TestJournalConcurrently adds records from many goroutines: each is there once, and they share syncs.
func TestJournalConcurrently(t *testing.T) {
	h := host.NewMemory()
	var mu sync.Mutex
	syncs := 0
	h.Inject = func(p host.Point) error {
		if p == pointJournalSync {
			mu.Lock()
			syncs++
			mu.Unlock()
		}
		return nil
	}
	j, _, err := journaled(h)
	if err != nil {
		t.Fatal(err)
	}
	const writers, each = 16, 50
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				if err := j.Append(fmt.Appendf(nil, "%d/%d", w, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	_, got, err := journaled(h)
	if err != nil || len(got) != writers*each {
		t.Fatalf("%d records, %v", len(got), err)
	}
	next := map[string]int{}
	for _, r := range got {
		w, i, _ := strings.Cut(r, "/")
		if i != fmt.Sprint(next[w]) {
			t.Fatalf("%s comes before %d of its writer", r, next[w])
		}
		next[w]++
	}
	if syncs > writers*each {
		t.Errorf("%d syncs", syncs)
	}
}

// TestJournalFaults fails each step once: what was acknowledged is there after a restart, and nothing is added to a
// journal that is broken.
func TestJournalFaults(t *testing.T) {
	for _, point := range []host.Point{pointJournalWrite, pointJournalSync, pointJournalSwap} {
		for n := range 4 {
			h := host.NewMemory()
			left := n
			h.Inject = func(p host.Point) error {
				if p != point {
					return nil
				}
				if left--; left == -1 {
					return errors.New("broken")
				}
				return nil
			}
			var acknowledged []string
			j, _, err := journaled(h)
			for i := 0; err == nil && i < 6; i++ {
				r := fmt.Sprint("record ", i)
				if j.Append([]byte(r)) == nil {
					acknowledged = append(acknowledged, r)
				}
			}
			h.Inject = nil
			_, got, err := journaled(h)
			if err != nil || len(got) < len(acknowledged) || !slices.Equal(got[:len(acknowledged)], acknowledged) {
				t.Errorf("%v, fault %d: %q were acknowledged, %q are there, %v", point, n, acknowledged, got, err)
			}
		}
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(journalMagic))
	f.Add(appendRecord([]byte(journalMagic), int64(len(journalMagic)), []byte("record")))
	f.Fuzz(func(t *testing.T, data []byte) {
		j, got, err := journaled(journalOf(t, data))
		if err != nil {
			return
		}
		if err := errors.Join(j.Append([]byte("more")), j.Close()); err != nil {
			t.Fatal(err)
		}
		if _, again, err := journaled(j.host); err != nil || !slices.Equal(again, append(got, "more")) {
			t.Fatalf("%q, then %q, %v", got, again, err)
		}
	})
}

func BenchmarkJournal(b *testing.B) {
	h := host.New()
	j, err := OpenJournal(h, b.TempDir()+"/journal", func([]byte) error { return nil })
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	record := []byte(strings.Repeat("x", 200))
	b.SetParallelism(32)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := j.Append(record); err != nil {
				b.Error(err)
			}
		}
	})
}
