package cluster

import (
	"fmt"
	"slices"
	"testing"

	"github.com/flowsh/flowsh/engine"
)

// TestCountedMetrics tests that what scripts count is a metric, summed over jobs, with names that may be anything, and
// that there are not too many of them.
func TestCountedMetrics(t *testing.T) {
	var counts tally
	counts.counted([]engine.Counter{{Name: "bad", Value: 2}, {Name: "a \"b\"\n\\é", Value: 1}})
	counts.counted([]engine.Counter{{Name: "bad", Value: 3}, {Name: "less", Value: -1}})
	want := []Metric{
		{`flowsh_counted_total{counter="a \"b\"\n\\é"}`, 1, true},
		{`flowsh_counted_total{counter="bad"}`, 5, true},
		{`flowsh_counted_total{counter="less"}`, 0, true},
	}
	if got := counts.metrics(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	for i := range 2 * mostCounted {
		counts.counted([]engine.Counter{{Name: fmt.Sprint("n", i), Value: 1}})
	}
	others := Metric{`flowsh_counted_total{counter="(others)"}`, mostCounted + 3, true}
	if got := counts.metrics(); len(got) != mostCounted+1 || !slices.Contains(got, others) {
		t.Errorf("%d metrics, %v", len(got), got[:3])
	}
}
