package operator

import (
	"math"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

func drawTable(t *rapid.T) *Table {
	if rapid.Bool().Draw(t, "hot") {
		return &Table{hot: new(hotIndex)}
	}
	return new(Table)
}

func TestTableNumbersKeysInOrderOfArrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var keys chunk.Column
		var ords []chunk.Ordinal
		for i := range rapid.IntRange(0, 400).Draw(t, "n") {
			keys.Append(someKeys.Draw(t, "key"))
			ords = append(ords, at(i))
		}
		table := drawTable(t)
		groups, err := table.Insert(&keys, ords, nil)
		if err != nil {
			t.Fatal(err)
		}
		index := map[string]int32{}
		for i, g := range groups {
			key, _, _ := value.AppendKey(nil, keys.At(i))
			want, ok := index[string(key)]
			if !ok {
				want = int32(len(index))
				index[string(key)] = want
				if table.First(want) != ords[i] {
					t.Fatalf("first of group %d is %v, want %v", want, table.First(want), ords[i])
				}
			}
			if g != want || string(table.appendKey(nil, g)) != string(key) {
				t.Fatalf("key %v is in group %d, want %d", keys.At(i), g, want)
			}
		}
		if table.Len() != len(index) {
			t.Fatalf("%d groups, want %d", table.Len(), len(index))
		}
	})
}

func TestTableTellsKeysApart(t *testing.T) {
	same := [][2]starlark.Value{
		{starlark.MakeInt(1), starlark.Float(1)},
		{starlark.Float(0), starlark.Float(math.Copysign(0, -1))},
		{starlark.Float(math.NaN()), starlark.Float(-math.NaN())},
		{starlark.Tuple{starlark.MakeInt(1)}, starlark.Tuple{starlark.Float(1)}},
	}
	other := [][2]starlark.Value{
		{starlark.MakeInt(1), starlark.True},
		{starlark.MakeInt(1), starlark.String("1")},
		{starlark.String("a"), starlark.Bytes("a")},
		{starlark.String(strings.Repeat("x", 20)), starlark.String(strings.Repeat("x", 19) + "y")},
		{starlark.String("a\x00"), starlark.String("a")},
		{starlark.String(""), starlark.String("\x00")},
		{starlark.String(strings.Repeat("x", 16)), starlark.String(strings.Repeat("x", 17))},
		{starlark.Tuple{}, starlark.None},
	}
	groups := func(pair [2]starlark.Value) int {
		table := Table{hot: new(hotIndex)}
		var keys chunk.Column
		keys.Append(pair[0])
		keys.Append(pair[1])
		if _, err := table.Insert(&keys, []chunk.Ordinal{at(0), at(1)}, nil); err != nil {
			t.Fatal(err)
		}
		return table.Len()
	}
	for _, pair := range same {
		if groups(pair) != 1 {
			t.Errorf("%v and %v are one key", pair[0], pair[1])
		}
	}
	for _, pair := range other {
		if groups(pair) != 2 {
			t.Errorf("%v and %v are two keys", pair[0], pair[1])
		}
	}
}

func TestTableDoesNotAllocateForKeysItHas(t *testing.T) {
	var table Table
	var keys chunk.Column
	var ords []chunk.Ordinal
	for i := range 1000 {
		keys.Append(starlark.Tuple{starlark.String("status"), starlark.MakeInt(i)})
		ords = append(ords, at(i))
	}
	groups, err := table.Insert(&keys, ords, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(10, func() { groups, _ = table.Insert(&keys, ords, groups[:0]) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFirstForgetsWhatItReplaced(t *testing.T) {
	a := NewFirst().(*firstAggregate)
	for i := range 3 * wasteful {
		in := Keyed{Ordinals: []chunk.Ordinal{at(3*wasteful - i)}}
		in.Values.AppendString("record")
		if err := a.Fold([]int32{0}, &in); err != nil {
			t.Fatal(err)
		}
	}
	if a.records.N > wasteful {
		t.Errorf("holds %d records for one group", a.records.N)
	}
}

func TestRowsKeepEveryKind(t *testing.T) {
	names := []string{"name", "n"}
	var records chunk.Column
	records.BecomeRecord(names)
	for i := range 3 {
		records.Fields[0].AppendString(strings.Repeat("x", i))
		records.Fields[1].AppendInt(int64(i))
		records.N++
	}
	var other chunk.Column
	other.Append(starlark.Tuple{starlark.Bytes("b"), starlark.None, starlark.True, starlark.Float(1)})
	var mixed chunk.Column
	mixed.Append(starlark.NewList([]starlark.Value{starlark.String("v")}))

	var kept rows
	var want []string
	for _, c := range []*chunk.Column{&records, &other, &mixed, &records} {
		for i := range c.N {
			kept.append(c, i)
			want = append(want, c.At(i).String())
		}
		if kept.size() <= 0 {
			t.Error("no size")
		}
	}
	for i, text := range want {
		if got := kept.At(i).String(); got != text {
			t.Errorf("record %d is %s, want %s", i, got, text)
		}
	}
}

func TestResultOfNothing(t *testing.T) {
	for name, want := range map[string]string{
		"count": "0", "sum": "0", "mean": "None", "min": "None", "list": "[]", "top": "[]",
		"last": "None", "all": "[]", "set": "set([])", "var": "None", "median": "None", "about": "0", "highest": "[]",
		"summary": "(0, 0, set([]), None, None, [])",
	} {
		if got := ResultOfNothing(aggregates[name].make()); got.String() != want {
			t.Errorf("%s: got %v, want %s", name, got, want)
		}
	}
	if v := ResultOfNothing(NewFirst()); v != nil {
		t.Errorf("first: got %v", v)
	}
}

// A table that is empty takes a key that is none as the first of all.
func TestTableBeginsWithNoKey(t *testing.T) {
	for _, table := range []*Table{{}, {hot: new(hotIndex)}} {
		keys := chunk.Column{Kind: chunk.Any, N: 1, Values: []starlark.Value{starlark.NewList(nil)}}
		groups, err := table.Insert(&keys, []chunk.Ordinal{at(0)}, nil)
		if _, ok := err.(*RecordError); !ok || len(groups) > 0 || table.Len() > 0 {
			t.Errorf("a list is in groups %v of %d, %v", groups, table.Len(), err)
		}
	}
}
