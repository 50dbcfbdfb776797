//go:build unix

package host

import (
	"runtime"
	"testing"
)

func TestRangeGrowsWhereItIs(t *testing.T) {
	before := Outside()
	owner := new(*int)
	r := RangeFor(3*hugePage, owner)
	if r == nil {
		t.Skip("the system reserves no addresses")
	}
	first, ok := r.Extend(1)
	if !ok || len(first) != hugePage {
		t.Fatalf("%d bytes for 1, %v", len(first), ok)
	}
	first[0], first[hugePage-1] = 7, 8
	all, ok := r.Extend(2*hugePage + 1)
	if !ok || len(all) != 3*hugePage || &all[0] != &first[0] || all[0] != 7 || all[hugePage-1] != 8 {
		t.Fatalf("%d bytes, %v, at %p after %p, %d and %d in them", len(all), ok, &all[0], &first[0], all[0], all[hugePage-1])
	}
	for i, b := range all[hugePage:] {
		if b != 0 {
			t.Fatalf("byte %d is %d", hugePage+i, b)
		}
	}
	all[3*hugePage-1] = 9
	if _, ok := r.Extend(3*hugePage + 1); ok {
		t.Error("it grows beyond its bound")
	}
	if same, ok := r.Extend(5); !ok || len(same) != 3*hugePage || same[3*hugePage-1] != 9 {
		t.Errorf("what it has is lost: %d bytes, %v", len(same), ok)
	}
	if n := Outside() - before; n != 3*hugePage {
		t.Errorf("%d bytes counted", n)
	}
	runtime.KeepAlive(owner)
	r.Free()
	r.Free()
	if n := Outside() - before; n != 0 {
		t.Errorf("%d bytes counted after Free", n)
	}
}

func TestRangeGoesWithItsOwner(t *testing.T) {
	before := Outside()
	func() {
		owner := new(*int)
		if r := RangeFor(hugePage, owner); r != nil {
			if _, ok := r.Extend(1); !ok {
				t.Fatal("it does not grow")
			}
		}
		runtime.KeepAlive(owner)
	}()
	for range 1000 {
		if runtime.GC(); Outside() == before {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%d bytes are left", Outside()-before)
}
