package chunk

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestIntsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.OneOf(
			rapid.SampledFrom([]int64{0, 1, -1, math.MinInt64, math.MaxInt64}),
			rapid.Int64Range(-20, 20), rapid.Int64Range(1<<40, 1<<40+5000), rapid.Int64(),
		), 0, 40).Draw(t, "values")
		if rapid.Bool().Draw(t, "sorted") {
			slices.Sort(values)
		}
		checkInts(t, values)
	})
}

func TestIntsOfEveryWidth(t *testing.T) {
	for width := range 65 {
		for _, n := range []int{1, 2, 7, 64, 100} {
			values := make([]int64, n)
			for i := range values {
				values[i] = int64(uint64(i) * 0x9e3779b97f4a7c15 & (1<<width - 1))
			}
			checkInts(t, values)
		}
	}
}

func checkInts(t fataler, values []int64) {
	t.Helper()
	r := reader{rest: appendInts(nil, values)}
	got := readInts(&r, make([]int64, 3), len(values))
	if r.failed || len(r.rest) > 0 || !slices.Equal(got, values) {
		t.Fatalf("%v came back as %v, %d bytes left", values, got, len(r.rest))
	}
}

// TestMemoryOfIntsGrowsSeldom has room for a few more numbers each time, and expects memory to be asked for now and then.
func TestMemoryOfIntsGrowsSeldom(t *testing.T) {
	var into []int64
	grown := 0
	for n := 1000; n < 2000; n += 10 {
		before := cap(into)
		if into = sized(into, n); cap(into) > before {
			grown++
		}
	}
	if grown > 5 {
		t.Errorf("it was asked for %d times", grown)
	}
}

// TestOrdinalsDoNotGrowBitByBit expands the ordinals of a batch.
func TestOrdinalsDoNotGrowBitByBit(t *testing.T) {
	b := Batch{Column: Column{Kind: Null, N: 5000}}
	if n := testing.AllocsPerRun(10, func() { b.Ordinals(nil) }); n > 2 { // the race detector makes one of its own
		t.Errorf("%v allocations", n)
	}
}

func TestIntsAreSmall(t *testing.T) {
	equal, ascending, skewed := make([]int64, 1000), make([]int64, 1000), make([]int64, 1000)
	for i := range 1000 {
		equal[i], ascending[i] = 1<<50, int64(i)*1_000_000
		if skewed[i] = int64(i % 50); i%100 == 0 {
			skewed[i] = 1 << 40
		}
	}
	for name, c := range map[string]struct {
		values []int64
		most   int
	}{"equal": {equal, 12}, "ascending": {ascending, 12}, "skewed": {skewed, 1200}} {
		if n := len(appendInts(nil, c.values)); n > c.most {
			t.Errorf("1000 %s ints take %d bytes", name, n)
		}
	}
}
