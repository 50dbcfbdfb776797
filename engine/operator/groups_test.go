package operator

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/value"
	"github.com/flowsh/flowsh/spill"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

var someKeys = rapid.OneOf(
	rapid.Map(rapid.IntRange(0, 40), func(i int) starlark.Value { return starlark.MakeInt(i) }),
	rapid.Map(rapid.IntRange(0, 40), func(i int) starlark.Value { return starlark.Float(float64(i) / 2) }),
	rapid.Map(rapid.StringN(0, 3, 40), func(s string) starlark.Value { return starlark.String(s) }),
	rapid.Map(rapid.IntRange(0, 200), func(i int) starlark.Value {
		return starlark.String(strings.Repeat("long key ", i%7) + string(rune('a'+i%26)))
	}),
	rapid.Just[starlark.Value](starlark.None),
	rapid.Map(rapid.IntRange(0, 9), func(i int) starlark.Value {
		return starlark.Tuple{starlark.String("t"), starlark.MakeInt(i)}
	}),
	rapid.Map(rapid.IntRange(0, 9), func(i int) starlark.Value {
		return starlark.Tuple{starlark.Float(i), starlark.MakeInt(i)}
	}),
)

// keysLike draws what the keys of one flow are: strings alone, ints alone, or all mixed.
func keysLike(t *rapid.T) *rapid.Generator[starlark.Value] {
	switch rapid.IntRange(0, 3).Draw(t, "kind of keys") {
	case 0:
		return rapid.Map(rapid.IntRange(0, 3000), func(i int) starlark.Value {
			return starlark.String(strings.Repeat("k", i%30) + starlark.MakeInt(i).String())
		})
	case 1:
		return rapid.Map(rapid.IntRange(-2000, 2000), func(i int) starlark.Value { return starlark.MakeInt(i) })
	}
	return someKeys
}

func valuesFor(name string) *rapid.Generator[starlark.Value] {
	ints := rapid.Map(rapid.IntRange(-1000, 1000), func(i int) starlark.Value { return starlark.MakeInt(i) })
	words := rapid.Map(rapid.StringN(0, 30, 60), func(s string) starlark.Value { return starlark.String(s) })
	switch name {
	case "sum", "mean", "count", "var", "median", "about", "highest", "ints", "greatest", "least":
		return ints
	case "summary":
		return rapid.Custom(func(t *rapid.T) starlark.Value {
			return starlark.Tuple{ints.Draw(t, "number"), rapid.OneOf(words, rapid.Just[starlark.Value](starlark.None)).Draw(t, "word")}
		})
	case "min", "max":
		return rapid.OneOf(ints, rapid.Map(rapid.IntRange(-100, 100), func(i int) starlark.Value {
			return starlark.Float(float64(i) / 4)
		}))
	case "top", "bottom":
		return rapid.Custom(func(t *rapid.T) starlark.Value {
			key := value.AppendOrderInt(nil, int64(rapid.IntRange(0, 20).Draw(t, "rank")))
			return starlark.Tuple{starlark.String(key), words.Draw(t, "record")}
		})
	}
	return rapid.OneOf(ints, words)
}

func drawRecords(t *rapid.T, name string) []record {
	n := rapid.SampledFrom([]int{0, 1, 50, 700}).Draw(t, "n")
	keys, values := keysLike(t), valuesFor(name)
	records := make([]record, n)
	for i := range records {
		records[i] = record{keys.Draw(t, "key"), values.Draw(t, "value"), chunk.Ordinal{
			Lane: uint32(i / 300), Position: uint64(i / 3), Sibling: uint32(i % 3),
		}}
	}
	return records
}

// cuts divides records into runs of random sizes.
func cuts(t *rapid.T, records []record) (runs [][]record) {
	for len(records) > 0 {
		n := rapid.IntRange(1, len(records)).Draw(t, "cut")
		runs = append(runs, records[:n])
		records = records[n:]
	}
	return runs
}

// tiny lets tests spill with little data.
func tiny(g *Groups, share int64) *Groups {
	g.scratch.Share = share
	return g
}

func TestGroupsAreTheSameHoweverTheyWereCutAndSpilled(t *testing.T) {
	for name, a := range aggregates {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				records := drawRecords(t, name)
				expected := want(name, records)
				share := rapid.SampledFrom([]int64{20 << 10, 40 << 10, 1 << 30}).Draw(t, "share")
				if name == "summary" || name == "set" { // the state of one key is large
					share *= 8
				}
				g := tiny(NewGroups(config(name, share)), share)
				if rapid.Bool().Draw(t, "in place") {
					g.keepInPlace()
					tiny(g, max(share, 2*sizeBlock))
				}
				runs := cuts(t, records)
				if !a.ordered {
					runs = rapid.Permutation(runs).Draw(t, "order")
				}
				if rapid.Bool().Draw(t, "partial") && name != "list" && name != "take" || name == "count" {
					addPartial(t, g, runs, a.ordered)
				} else {
					addRouted(t, g, runs)
				}
				var b strings.Builder
				if err := g.Emit(t.Context(), func(k *Keyed) error { show(&b, k); return nil }); err != nil {
					t.Fatal(err)
				}
				if got := b.String(); got != expected {
					t.Fatalf("got\n%s\nwant\n%s", got, expected)
				}
				if n := g.scratch.Store.Bytes(); n != 0 {
					t.Fatalf("%d bytes left in the store", n)
				}
				if n := g.used.Load(); n != 0 {
					t.Fatalf("%d bytes counted at the end", n)
				}
			})
		})
	}
}

func addRouted(t *rapid.T, g *Groups, runs [][]record) {
	var routed Routed
	for _, run := range runs {
		if err := g.Route(keyed(run...), &routed); err != nil {
			t.Fatal(err)
		}
		for b := range Buckets {
			if err := g.Add(b, &routed); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func addPartial(t *rapid.T, g *Groups, runs [][]record, ordered bool) {
	partials := []*Partial{g.NewPartial(), g.NewPartial()}
	if !ordered && rapid.Bool().Draw(t, "direct") {
		partials[0].direct = 1 << 30
	}
	for i, run := range runs {
		p := partials[i%2]
		if err := p.Add(keyed(run...)); err != nil {
			t.Fatal(err)
		}
		if ordered {
			if err := p.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, p := range partials {
		if err := p.Flush(); err != nil {
			t.Fatal(err)
		}
		p.Release()
	}
}

func TestRouteStopsAtAKeyThatCannotBeOne(t *testing.T) {
	g := NewGroups(config("count", 1<<20))
	in := keyed(
		record{key: starlark.MakeInt(1), ord: at(1)},
		record{key: starlark.NewList(nil), ord: at(2)},
		record{key: starlark.MakeInt(3), ord: at(3)},
	)
	var routed Routed
	var failed *RecordError
	if err := g.Route(in, &routed); !errors.As(err, &failed) || failed.Ordinal != at(2) {
		t.Fatalf("got %v", err)
	}
	n := 0
	for b := range Buckets {
		n += routed.Len(b)
	}
	if n != 1 {
		t.Errorf("%d records were routed, want the one before the error", n)
	}
}

func TestASingleKeyOverTheShareIsALimitError(t *testing.T) {
	g := tiny(NewGroups(config("list", 0)), 16<<10)
	var routed Routed
	var limit *LimitError
	err := error(nil)
	for i := 0; i < 100 && err == nil; i++ {
		in := keyed(record{starlark.String("hot"), starlark.String(strings.Repeat("x", 1000)), at(i)})
		if err = g.Route(in, &routed); err == nil {
			for b := range Buckets {
				err = errors.Join(err, g.Add(b, &routed))
			}
		}
	}
	if !errors.As(err, &limit) || limit.Key != `"hot"` {
		t.Fatalf("got %v, want a LimitError that names the key", err)
	}
}

func TestEmitStopsWithItsContextAndItsCallersError(t *testing.T) {
	boom := errors.New("boom")
	for _, share := range []int64{10 << 10, 1 << 20} {
		g := tiny(NewGroups(config("count", 0)), share)
		p := g.NewPartial()
		for i := range 5000 {
			if err := p.Add(keyed(record{key: starlark.MakeInt(i), ord: at(i)})); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := g.Emit(t.Context(), func(*Keyed) error { return boom }); !errors.Is(err, boom) {
			t.Errorf("got %v", err)
		}
	}
}

func TestFoldErrorsNameTheRecord(t *testing.T) {
	g := NewGroups(config("sum", 1<<20))
	p := g.NewPartial()
	err := p.Add(keyed(
		record{starlark.String("a"), starlark.MakeInt(1), at(1)},
		record{starlark.String("a"), starlark.String("x"), at(2)},
		record{starlark.String("b"), starlark.MakeInt(2), at(3)},
	))
	var failed *RecordError
	if !errors.As(err, &failed) || failed.Ordinal != at(2) || err.Error() != "want int or float, got string" {
		t.Fatalf("got %v", err)
	}
	// A worker may have taken more records before the error is delivered.
	if again := p.Add(keyed(record{starlark.String("b"), starlark.MakeInt(1), at(4)})); again != err {
		t.Fatalf("then got %v", again)
	}
}

func TestRunsOfResultsAreBounded(t *testing.T) {
	g := NewGroups(config("count", 1<<30))
	p := g.NewPartial()
	var in Keyed
	for i := range 3 * emitRows {
		in.Keys.AppendInt(int64(i))
		in.Ordinals = append(in.Ordinals, at(i))
	}
	if err := p.Add(&in); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	err := g.Emit(t.Context(), func(k *Keyed) error {
		sizes = append(sizes, len(k.Ordinals))
		return nil
	})
	total := 0
	for _, n := range sizes {
		total += n
	}
	if err != nil || total != 3*emitRows || slices.Max(sizes) > emitRows || len(sizes) > 8 {
		t.Errorf("got %v, %v", sizes, err)
	}
}

// A readStore counts what was read for good.
type readStore struct {
	spill.Store
	read int
}

func (s *readStore) Delete(name string) error {
	s.read++
	return s.Store.Delete(name)
}

// TestGroupsOfLongRows spills keys of which a few take the whole share: when they are merged, one at a time is in memory.
func TestGroupsOfLongRows(t *testing.T) {
	const keys = 100
	store := &readStore{Store: spill.NewMem()}
	g := NewGroups(GroupsConfig{
		New:    func() (Aggregate, error) { return NewCount(), nil },
		Memory: Memory{Share: leastShare, Store: store, Host: host.NewMemory(), ID: "test"},
	})
	p := g.NewPartial()
	for i := range keys {
		k := &Keyed{Batch: &chunk.Batch{Base: uint64(i)}}
		k.Keys.Append(starlark.String(strings.Repeat("x", 20<<10) + strconv.Itoa(i)))
		k.Values.Append(starlark.None)
		if err := p.Add(k); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	runs, err := g.settle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	store.read = 0
	err = g.eachInRuns(runs, func(r *groupReader) error {
		if want := strconv.Itoa(seen); !strings.HasSuffix(r.keys.Strings[r.at], "x"+want) {
			t.Errorf("key %d is another one", seen)
		}
		if seen++; store.read != seen {
			t.Errorf("%d frames were read for %d keys", store.read, seen)
		}
		return nil
	})
	if err != nil || seen != keys {
		t.Errorf("%d keys, %v", seen, err)
	}
}

// TestLongRowsAreWrittenAtOnce looks at what a writer keeps of rows. There are as many writers as buckets.
func TestLongRowsAreWrittenAtOnce(t *testing.T) {
	w := newGroupWriter(newScratch(memory(leastShare)), frameRecords)
	var in Keyed
	in.Values.AppendString("short")
	in.Values.AppendString(strings.Repeat("x", 20<<10))
	in.Ordinals = []chunk.Ordinal{at(0), at(1)}
	in.Keys.AppendString("a")
	in.Keys.AppendString(strings.Repeat("y", 20<<10))
	var keys keyBatch
	if err := keys.load(&in.Keys, 0, 2); err != nil {
		t.Fatal(err)
	}
	if err := w.record(&in, &keys); err != nil {
		t.Fatal(err)
	}
	if len(w.frames) != 2 || len(w.ords) > 0 {
		t.Errorf("%d rows wait behind %d frames", len(w.ords), len(w.frames))
	}
	if bytes := w.keys.size() + w.values.size() + int64(cap(w.key)); bytes > 1<<10 {
		t.Errorf("%d bytes are kept", bytes)
	}
}
