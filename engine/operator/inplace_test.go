package operator

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

// inPlace makes Groups that keep states in place, and a Partial that combines nothing.
func inPlace(t interface{ Fatalf(string, ...any) }, name string) (*Groups, *Partial) {
	g := NewGroups(config(name, leastInPlace))
	if g.ints == nil {
		t.Fatalf("%s is not kept in place", name)
	}
	p := g.NewPartial()
	p.direct = 1 << 40
	return g, p
}

func addAndFold(t interface{ Fatal(...any) }, g *Groups, p *Partial, records []record) {
	if err := p.Add(keyed(records...)); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := g.foldWaiting(); err != nil {
		t.Fatal(err)
	}
}

// TestFoldInPlaceAgainAndAgain folds records into groups that are in place already, of which there may be none in some
// blocks, with texts of all lengths.
func TestFoldInPlaceAgainAndAgain(t *testing.T) {
	for _, name := range []string{"count", "sum", "ints", "greatest", "least"} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				g, p := inPlace(t, name)
				distinct := rapid.SampledFrom([]int{3, 300, 30_000}).Draw(t, "distinct")
				longest := rapid.SampledFrom([]int{1, 40, 4000}).Draw(t, "longest")
				var all []record
				for range rapid.IntRange(1, 4).Draw(t, "rounds") {
					first, n := rapid.IntRange(0, distinct).Draw(t, "first"), rapid.IntRange(1, 1500).Draw(t, "records")
					var records []record
					for i := range n {
						k := (first + i*7) % distinct
						records = append(records, record{
							starlark.String(strings.Repeat("x", k*k%longest) + fmt.Sprint(k)),
							starlark.MakeInt(k - i), at((len(all) + i) * 31 % 7001),
						})
					}
					all = append(all, records...)
					addAndFold(t, g, p, records)
				}
				for i := range g.buckets {
					if g.buckets[i].table != nil {
						t.Fatal("a bucket has a table")
					}
				}
				p.Release()
				slices.SortStableFunc(all, func(x, y record) int { return x.ord.Compare(y.ord) })
				if got := emit(t, g); got != want(name, all) {
					t.Fatalf("got\n%s\nwant\n%s", got, want(name, all))
				}
				if n := g.used.Load(); n != 0 {
					t.Fatalf("%d bytes counted at the end", n)
				}
			})
		})
	}
}

func TestSumsInPlaceThatGrowBeyondInt64(t *testing.T) {
	g, p := inPlace(t, "sum")
	var all []record
	for i := range 2000 {
		v := starlark.MakeInt64(math.MaxInt64 - int64(i))
		if i%2 == 1 {
			v = starlark.MakeInt64(math.MinInt64 + int64(i))
		}
		all = append(all, record{starlark.MakeInt(i / 4 % 50), v, at(i)})
	}
	for part := range slices.Chunk(all, 600) {
		addAndFold(t, g, p, part)
	}
	p.Release()
	if got := emit(t, g); got != want("sum", all) {
		t.Errorf("got\n%s\nwant\n%s", got, want("sum", all))
	}
}

// TestSumsBesideKeys adds ints that are added up beside the keys of a table, with others that cannot be, and so many keys
// that the table grows.
func TestSumsBesideKeys(t *testing.T) {
	values := rapid.SampledFrom([]starlark.Value{
		starlark.MakeInt(1), starlark.MakeInt(-3), starlark.MakeInt64(math.MaxInt64), starlark.MakeInt64(math.MinInt64), starlark.MakeInt64(math.MaxInt64 - 1),
	})
	for _, name := range []string{"count", "sum", "ints"} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				g, p := inPlace(t, name)
				p.direct = 0
				distinct := rapid.SampledFrom([]int{3, 300, 3000}).Draw(t, "distinct")
				longest := rapid.SampledFrom([]int{1, 40}).Draw(t, "longest")
				var all []record
				for range rapid.IntRange(1, 6).Draw(t, "batches") {
					n, value := rapid.IntRange(1, 900).Draw(t, "records"), values.Draw(t, "value")
					if rapid.IntRange(0, 4).Draw(t, "wide") == 0 {
						value = starlark.MakeInt(1).Lsh(70)
					}
					var records []record
					for i := range n {
						k := (len(all) + i*7) % distinct
						records = append(records, record{starlark.String(strings.Repeat("x", k%longest) + fmt.Sprint(k)), value, at(len(all) + i)})
					}
					all = append(all, records...)
					if err := p.Add(keyed(records...)); err != nil {
						t.Fatal(err)
					}
					if rapid.Bool().Draw(t, "flush") {
						if err := p.Flush(); err != nil {
							t.Fatal(err)
						}
					}
				}
				if err := p.Flush(); err != nil {
					t.Fatal(err)
				}
				p.Release()
				if got := emit(t, g); got != want(name, all) {
					t.Fatalf("got\n%s\nwant\n%s", got, want(name, all))
				}
			})
		})
	}
}

// TestLanesInPlace keeps lanes of ordinals, which blocks have memory for once there are any.
func TestLanesInPlace(t *testing.T) {
	g, p := inPlace(t, "sum")
	var all []record
	for i := range 5000 {
		ord := at(i * 31 % 7001)
		if i >= 1500 {
			ord.Lane, ord.Sibling = uint32(i%3), uint32(i%5)
		}
		all = append(all, record{starlark.MakeInt(i % 700), starlark.MakeInt(i), ord})
	}
	for part := range slices.Chunk(all, 1200) {
		addAndFold(t, g, p, part)
	}
	p.Release()
	slices.SortStableFunc(all, func(x, y record) int { return x.ord.Compare(y.ord) })
	if got := emit(t, g); got != want("sum", all) {
		t.Errorf("got\n%s\nwant\n%s", got, want("sum", all))
	}
}

// TestKeysThatNoBlockTakes adds keys that are longer than a block's texts to others, as records and as states.
func TestKeysThatNoBlockTakes(t *testing.T) {
	var all []record
	for i := range 3000 {
		key := fmt.Sprint(i % 400)
		if i%500 == 7 {
			key = strings.Repeat(key, blockArena)
		}
		all = append(all, record{starlark.String(key), starlark.MakeInt(i), at(i)})
	}
	for _, direct := range []int{0, 1 << 40} {
		g, p := inPlace(t, "sum")
		p.direct = direct
		for part := range slices.Chunk(all, 700) {
			addAndFold(t, g, p, part)
		}
		p.Release()
		if got := emit(t, g); got != want("sum", all) {
			t.Errorf("passed on %v: the sums are others", direct > 0)
		}
	}
}

// TestInPlaceUntilSomethingElseComes adds keys and values that cannot be kept in place to those that are.
func TestInPlaceUntilSomethingElseComes(t *testing.T) {
	for _, other := range []record{
		{starlark.Float(7), starlark.MakeInt(1), at(-1)},
		{starlark.MakeInt(7), starlark.Float(0.5), at(-1)},
		{starlark.MakeInt(7), starlark.MakeInt64(math.MaxInt64), at(-1)},
	} {
		for _, first := range []bool{false, true} {
			var all []record
			for i := range 1000 {
				all = append(all, record{starlark.MakeInt(i * 7 % 300), starlark.MakeInt(i), at(i)})
			}
			other.ord = at(2000)
			if first {
				for i := range all {
					all[i].ord = at(3000 + i)
				}
			}
			g, p := inPlace(t, "sum")
			inTable := NewGroups(config("sum", leastInPlace-1))
			q := inTable.NewPartial()
			for _, part := range [][]record{all, {other}, all} {
				addAndFold(t, g, p, part)
				addAndFold(t, inTable, q, part)
			}
			p.Release()
			if got, want := emit(t, g), emit(t, inTable); got != want {
				t.Errorf("%v: got\n%s\nwant\n%s", other, got, want)
			}
		}
	}
}

// TestBucketsWaitAsAnotherHasTold fills two buckets: what the first has found of keys that hardly repeat, when it was folded,
// holds for the second, which waits for more.
func TestBucketsWaitAsAnotherHasTold(t *testing.T) {
	g, _ := inPlace(t, "count")
	for i := range 2 {
		b := &g.buckets[i]
		for lo := 0; lo < leastWaitingInPlace; lo += blockRows {
			full := blocks.Get().(*block)
			full.begin(keptStates(1))
			var keys keyBatch
			for n := lo; n < lo+blockRows; n++ {
				keys.add(fmt.Sprint(n), isString, true)
				full.setInt(0, n-lo, 1)
				full.add(&keys, n-lo, at(n))
			}
			if err := b.wait(g, full, keptStates(1)); err != nil {
				t.Fatal(err)
			}
		}
		if b.waiting.records != leastWaitingInPlace || (b.waiting.groups > 0) != (i == 0) {
			t.Errorf("bucket %d: %d records wait, %d groups", i, b.waiting.records, b.waiting.groups)
		}
	}
}

func BenchmarkDistinctKeys(b *testing.B) {
	batches := words(1<<30, 1<<22)
	groups := 0
	for b.Loop() {
		groups = emitted(b, counted(b, batches))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(groups), "ns/group")
}
