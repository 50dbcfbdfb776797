//go:build unix

package host

import (
	"runtime"
	"testing"
)

func TestRangeGrowsWhereItIs(t *testing.T) {
	r := NewRange()
	if r == nil {
		t.Skip("the system reserves no addresses")
	}
	first, ok := r.Extend(1)
	if !ok || len(first) < hugePage {
		t.Fatalf("%d bytes for 1, %v", len(first), ok)
	}
	size := len(first)
	first[0], first[size-1] = 7, 8
	before := Outside()
	all, ok := r.Extend(size + hugePage + 1)
	if !ok || len(all) != size+2*hugePage || &all[0] != &first[0] || all[0] != 7 || all[size-1] != 8 {
		t.Fatalf("%d bytes, %v, at %p after %p, %d and %d in them", len(all), ok, &all[0], &first[0], all[0], all[size-1])
	}
	if n := Outside() - before; n != 2*hugePage {
		t.Errorf("%d bytes counted", n)
	}
	all[len(all)-1] = 9
	if _, ok := r.Extend(mostRange + 1); ok {
		t.Error("it grows beyond its bound")
	}
	if same, ok := r.Extend(5); !ok || len(same) != len(all) || same[len(all)-1] != 9 {
		t.Errorf("what it has is lost: %d bytes, %v", len(same), ok)
	}
	r.Leave()
}

func TestRangeGoesBackWhenNobodyHasIt(t *testing.T) {
	for range 4 { // of other tests
		runtime.GC()
	}
	before := Outside()
	for range 3 {
		if r := NewRange(); r != nil {
			if _, ok := r.Extend(1); !ok {
				t.Fatal("it does not grow")
			}
			r.Leave()
		}
		if r := NewRange(); r != nil {
			with := Outside()
			usable, _ := r.Extend(1)
			r.Free()
			r.Free()
			if n := with - Outside(); n < 0 || n > int64(len(usable)) {
				t.Errorf("%d bytes less after Free", n)
			}
		}
	}
	for range 1000 {
		if runtime.GC(); Outside() <= before {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%d bytes are left", Outside()-before)
}
