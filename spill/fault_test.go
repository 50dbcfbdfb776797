package spill

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/host"
)

var errInjected = errors.New("injected")

// failing makes the n-th passage (from 1) of each of points fail. hits counts them.
type failing struct {
	points []host.Point
	n      int
	hits   int
}

func (f *failing) inject(p host.Point) error {
	if !slices.Contains(f.points, p) {
		return nil
	}
	f.hits++
	if f.hits == f.n {
		return fmt.Errorf("%s: %w", p, errInjected)
	}
	return nil
}

// TestFaults lets every passage of every point fail once, in a job that does a bit of everything. The job must
// hear of it, or lose nothing by it; and in the end nothing is on the disk.
func TestFaults(t *testing.T) {
	disks := []struct {
		name   string
		points []host.Point
		open   func(h *host.Host, parent string) (Store, error)
	}{
		{
			name:   "segments",
			points: []host.Point{pointCreate, pointWrite, pointRead, pointRemove},
			open: func(h *host.Host, parent string) (Store, error) {
				return NewSegments(h, parent, &SegmentsOptions{SegmentSize: 8}), nil
			},
		},
		{
			name:   "badger",
			points: []host.Point{pointCreate, pointWrite, pointRead, pointSync, pointRemove},
			open: func(h *host.Host, parent string) (Store, error) {
				return OpenBadger(h, filepath.Join(parent, "job"), nil)
			},
		},
		{
			name:   "tiered",
			points: []host.Point{pointCreate, pointWrite, pointRead, pointRemove},
			open: func(h *host.Host, parent string) (Store, error) {
				return NewTiered(cost("a", 5), func() (Store, error) { return NewSegments(h, parent, nil), nil }), nil
			},
		},
	}
	for _, d := range disks {
		for _, p := range d.points {
			t.Run(d.name+"/"+string(p), func(t *testing.T) {
				for n := 1; ; n++ {
					fault := &failing{points: []host.Point{p}, n: n}
					h := host.New()
					h.Inject = fault.inject
					parent := t.TempDir()
					s, err := d.open(h, parent)
					check(t, err)
					failWhile(t, s, p)
					wantEmptyDir(t, parent)
					if fault.hits < n {
						if n == 1 {
							t.Error("the job never passes this point")
						}
						return
					}
				}
			})
		}
	}
}

// failWhile runs a small job and closes s.
func failWhile(t *testing.T, s Store, p host.Point) {
	t.Helper()
	var got []byte
	err := func() error {
		for _, id := range []string{"a", "b", "c", "a"} {
			if err := s.Put(id, []byte("chunk")); err != nil {
				return err
			}
		}
		if err := s.Sync(); err != nil {
			return err
		}
		for _, id := range []string{"a", "b", "c"} {
			var err error
			if got, err = s.Get(id, got); err != nil {
				return err
			}
			if err := s.Delete(id); err != nil {
				return err
			}
		}
		return nil
	}()
	closeErr := s.Close()
	wantClear(t, err, p)
	wantClear(t, closeErr, p)
	if err == nil && string(got) != "chunkchunkchunk" {
		t.Errorf("the chunks came back as %q", got)
	}
	check(t, s.Close())
}

func wantClear(t *testing.T, err error, p host.Point) {
	t.Helper()
	if err == nil {
		return
	}
	if !errors.Is(err, errInjected) || !strings.Contains(err.Error(), "spill") && !strings.Contains(err.Error(), "chunk") {
		t.Errorf("a fault at %s became %v", p, err)
	}
}

func wantEmptyDir(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	for _, e := range entries {
		t.Errorf("%s is left in the spill folder", e.Name())
	}
}

// A Put that fails leaves the chunk that was there, and the store goes on.
func TestPutFails(t *testing.T) {
	for name, open := range map[string]func(h *host.Host) Store{
		"segments that stay": func(h *host.Host) Store {
			return openSegments(t, h, filepath.Join(t.TempDir(), "job"), nil)
		},
		"segments": func(h *host.Host) Store { return NewSegments(h, t.TempDir(), nil) },
		"badger": func(h *host.Host) Store {
			b, err := OpenBadger(h, filepath.Join(t.TempDir(), "job"), nil)
			check(t, err)
			return b
		},
		"tiered": func(h *host.Host) Store {
			return NewTiered(cost("a", 3), func() (Store, error) { return NewSegments(h, t.TempDir(), nil), nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := host.New()
			s := open(h)
			defer s.Close()
			put(t, s, "a", "old")
			h.Inject = (&failing{points: []host.Point{pointWrite}, n: 1}).inject
			if err := s.Put("a", []byte("new chunk")); !errors.Is(err, errInjected) {
				t.Fatalf("Put = %v, want the injected error", err)
			}
			wantGet(t, s, "a", "old")
			wantBytes(t, s, 3)
			put(t, s, "a", "new chunk")
			wantGet(t, s, "a", "new chunk")
			wantBytes(t, s, 9)
		})
	}
}
