package operator

import (
	"sync"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// inParallel calls work for each index, each in a goroutine.
func inParallel(t *testing.T, n int, work func(i int) error) {
	t.Helper()
	var wait sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wait.Go(func() { errs[i] = work(i) })
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestPartialsInParallel(t *testing.T) {
	const workers, n = 4, 3000
	var all []record
	for i := range workers * n {
		all = append(all, record{starlark.MakeInt(i * 31 % 1700), starlark.MakeInt(i), at(i)})
	}
	for _, name := range []string{"count", "sum", "max", "first"} {
		for _, share := range []int64{64 << 10, 1 << 30} {
			g := NewGroups(config(name, share))
			inParallel(t, workers, func(w int) error {
				p := g.NewPartial()
				if w == 0 {
					p.direct = n
				}
				for lo := w * n; lo < (w+1)*n; lo += 100 {
					if err := p.Add(keyed(all[lo : lo+100]...)); err != nil {
						return err
					}
				}
				return p.Flush()
			})
			if got := emit(t, g); got != want(name, all) {
				t.Errorf("%s with a share of %d: wrong result", name, share)
			}
		}
	}
}

func TestBucketsInParallel(t *testing.T) {
	var all []record
	for i := range 5000 {
		all = append(all, record{starlark.MakeInt(i * 31 % 700), starlark.MakeInt(i), at(i)})
	}
	for _, share := range []int64{64 << 10, 1 << 30} {
		g := NewGroups(config("list", share))
		var routed Routed
		for lo := 0; lo < len(all); lo += 1000 {
			if err := g.Route(keyed(all[lo:lo+1000]...), &routed); err != nil {
				t.Fatal(err)
			}
			inParallel(t, 4, func(w int) error {
				for b := w; b < Buckets; b += 4 {
					if err := g.Add(b, &routed); err != nil {
						return err
					}
				}
				return nil
			})
		}
		if got := emit(t, g); got != want("list", all) {
			t.Errorf("share of %d: wrong result", share)
		}
	}
}

func TestSortRunsInParallel(t *testing.T) {
	const workers, n = 4, 2000
	var all []sortable
	for i := range workers * n {
		all = append(all, sortable{starlark.MakeInt(i * 7919 % 1009).String(), starlark.MakeInt(i), at(i)})
	}
	for _, share := range []int64{64 << 10, 1 << 30} {
		s := NewSorter(SorterConfig{Memory: memory(share)})
		inParallel(t, workers, func(w int) error {
			r := s.NewRun()
			var keys, records chunk.Column
			var ords []chunk.Ordinal
			for _, x := range all[w*n : (w+1)*n] {
				keys.Reset()
				keys.AppendString(x.key)
				records.Reset()
				records.Append(x.record)
				ords = append(ords[:0], x.ord)
				if err := r.Add(&keys, &records, ords); err != nil {
					return err
				}
			}
			return r.Flush()
		})
		if sorted(t, s) != wantSorted(all, false, false, 0) {
			t.Errorf("share of %d: wrong result", share)
		}
	}
}

func TestFirstWithoutValues(t *testing.T) {
	g := NewGroups(config("first", 1<<20))
	p := g.NewPartial()
	if err := p.Add(keyed(record{key: starlark.MakeInt(1), ord: at(1)}, record{key: starlark.MakeInt(1), ord: at(2)})); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := emit(t, g); got != "0.1.0 1 = None\n" {
		t.Errorf("got %s", got)
	}
}
