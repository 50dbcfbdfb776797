package builtins

import (
	"testing"

	"pgregory.net/rapid"
)

func TestNearest(t *testing.T) {
	for x, want := range map[string]string{
		"flatmap": "flat_map", "FlatMap": "flat_map", "redcue": "reduce", "fliter": "filter", "maps": "map",
		"partion": "partition", "zzz": "", "x": "", "": "", "sorted_by_name": "",
	} {
		if got := nearest(x, stageNames); got != want {
			t.Errorf("%q: got %q, want %q", x, got, want)
		}
	}
}

func TestDistanceIsAMeasure(t *testing.T) {
	word := rapid.StringMatching(`[ab]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := word.Draw(t, "a"), word.Draw(t, "b")
		d := distance(a, b)
		if d != distance(b, a) || (d == 0) != (a == b) || d > max(len(a), len(b)) || d < len(a)-len(b) {
			t.Fatalf("distance(%q, %q) = %d", a, b, d)
		}
	})
}
