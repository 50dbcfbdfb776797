package operator

import (
	"fmt"
	"strings"
	"testing"
)

// TestGroupsWithoutOrdinals emits the same groups with and without their ordinals.
func TestGroupsWithoutOrdinals(t *testing.T) {
	var shown [2]strings.Builder
	for i := range shown {
		c := config("count", 1<<30)
		c.NoOrdinals = i > 0
		g := NewGroups(c)
		p := g.NewPartial()
		for _, in := range words(5000, 1<<15) {
			if err := p.Add(&in); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Flush(); err != nil {
			t.Fatal(err)
		}
		err := g.Emit(t.Context(), func(k *Keyed) error {
			for row := range k.Keys.N {
				fmt.Fprintln(&shown[i], k.Keys.At(row), k.Values.At(row))
			}
			if (len(k.Ordinals) == 0) != c.NoOrdinals {
				t.Errorf("there are %d ordinals", len(k.Ordinals))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if shown[0].String() != shown[1].String() || shown[0].Len() == 0 {
		t.Error("they are others")
	}
}
