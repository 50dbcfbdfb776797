package chunk

import (
	"strings"
	"testing"

	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

func TestColumnsGiveBackWhatWasAppended(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c, from Column
		var values []starlark.Value
		for range rapid.IntRange(0, 12).Draw(t, "values") {
			v := drawValue(t, 2)
			if n := len(values); n > 0 && rapid.Bool().Draw(t, "again") {
				v = values[rapid.IntRange(0, n-1).Draw(t, "which")]
			}
			values = append(values, v)
			c.Append(v)
		}
		for i, v := range values {
			if got := text(c.At(i)); got != text(v) {
				t.Fatalf("value %d is %s, was %s", i, got, text(v))
			}
		}
		lo := rapid.IntRange(0, len(values)).Draw(t, "lo")
		slice := c.Slice(lo, len(values))
		for i := range slice.N {
			from.AppendFrom(&slice, i)
		}
		sameColumn(t, &from, &slice)
		from.Truncate(from.N / 2)
		for i := range from.N {
			if got := text(from.At(i)); got != text(values[lo+i]) {
				t.Fatalf("value %d is %s, was %s", lo+i, got, text(values[lo+i]))
			}
		}
	})
}

func TestColumnsAreTyped(t *testing.T) {
	record := new(Column)
	record.BecomeRecord([]string{"a"})
	record.Fields[0].AppendInt(1)
	record.N++
	again := new(Column)
	again.BecomeRecord([]string{"a"}) // equal names elsewhere in memory
	again.Fields[0].AppendInt(2)
	again.N++
	again.AppendFrom(record, 0)
	if again.Kind != Record || again.N != 2 {
		t.Errorf("records with the same keys make a column of %v", again.Kind)
	}
	mixed := new(Column)
	mixed.AppendInt(1)
	mixed.AppendString("a")
	if mixed.Kind != Any || mixed.At(0).String() != "1" {
		t.Errorf("an int and a string make a column of %v", mixed.Kind)
	}
}

// A column takes some 200 bytes, so a tuple of a million elements must not become as many columns.
func TestLargeTuplesAreBoxed(t *testing.T) {
	wide := make(starlark.Tuple, 1000)
	for i := range wide {
		wide[i] = starlark.None
	}
	deep := starlark.Tuple{starlark.None}
	for range 100_000 {
		deep = starlark.Tuple{deep}
	}
	bushy := starlark.Tuple{starlark.None}
	for range 5 {
		bushy = starlark.Tuple{bushy, bushy, bushy, bushy, bushy}
	}
	for name, v := range map[string]starlark.Tuple{"wide": wide, "deep": deep, "bushy": bushy} {
		var c Column
		c.Append(v)
		if c.Kind != Any || c.N != 1 {
			t.Errorf("a %s tuple makes a column of %v", name, c.Kind)
		}
	}
	var c Column
	c.Append(starlark.Tuple{starlark.None, starlark.Tuple{starlark.None}})
	if c.Kind != Tuple {
		t.Errorf("a small tuple makes a column of %v", c.Kind)
	}
	if MaxDepth < maxLevels {
		t.Error("columns are deeper than records may be")
	}
}

func TestAppendFromDoesNotAllocate(t *testing.T) {
	var from, to Column
	v := starlark.Tuple{starlark.String("a"), starlark.MakeInt64(1 << 40), starlark.Float(1.5), starlark.Bytes("b")}
	from.Append(v)
	for range 200 {
		to.AppendFrom(&from, 0)
	}
	if n := testing.AllocsPerRun(100, func() {
		to.Truncate(0)
		to.AppendFrom(&from, 0)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestAppendAllIsAppendFromOfEach adds columns of all kinds to columns that have been used.
func TestAppendAllIsAppendFromOfEach(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SampledFrom([]int{0, 1, 5})
		all := drawColumn(t, kinds.Draw(t, "before"))
		if rapid.Bool().Draw(t, "reset") {
			all.Reset()
		}
		var each Column
		for i := range all.N {
			each.AppendFrom(&all, i)
		}
		for range 2 {
			from := drawColumn(t, kinds.Draw(t, "values"))
			if rapid.Bool().Draw(t, "same") {
				from = all.Slice(0, all.N)
			}
			all.AppendAll(&from)
			for i := range from.N {
				each.AppendFrom(&from, i)
			}
		}
		sameColumn(t, &all, &each)
	})
}

// TestAppendRowsIsAppendFromOfSome adds some values of columns of all kinds to columns that have been used.
func TestAppendRowsIsAppendFromOfSome(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kinds := rapid.SampledFrom([]int{0, 1, 5})
		some := drawColumn(t, kinds.Draw(t, "before"))
		if rapid.Bool().Draw(t, "reset") {
			some.Reset()
		}
		var each Column
		for i := range some.N {
			each.AppendFrom(&some, i)
		}
		for range 2 {
			from := drawColumn(t, kinds.Draw(t, "values"))
			var rows []int32
			for i := range from.N {
				if rapid.Bool().Draw(t, "row") {
					rows = append(rows, int32(i))
					each.AppendFrom(&from, i)
				}
			}
			some.AppendRows(&from, rows)
		}
		if some.N != each.N {
			t.Fatalf("%d values, want %d", some.N, each.N)
		}
		for i := range each.N {
			if got, want := some.At(i), each.At(i); got.String() != want.String() {
				t.Fatalf("value %d is %v, want %v", i, got, want)
			}
		}
	})
}

// TestMaybe takes a column of values and Nones apart and through a chunk.
func TestMaybe(t *testing.T) {
	inner := Column{Kind: Record, N: 4, Names: []string{"a"}, Fields: []Column{{Kind: Int, N: 4, Ints: []int64{1, 2, 3, 4}}}}
	c := Column{Kind: Maybe, N: 4, Bools: []bool{true, false, true, true}, Fields: []Column{inner}}
	const want = `{"a": 1} None {"a": 3} {"a": 4}`
	same := func(what string, c *Column, want string) {
		var texts []string
		for i := range c.N {
			texts = append(texts, c.At(i).String())
		}
		if got := strings.Join(texts, " "); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	same("At", &c, want)
	slice := c.Slice(1, 3)
	same("Slice", &slice, `None {"a": 3}`)
	var all, each Column
	all.AppendAll(&c)
	same("AppendAll", &all, want)
	for i := range c.N {
		each.AppendFrom(&c, i)
	}
	same("AppendFrom", &each, want)
	var some Column
	some.AppendRows(&c, []int32{1, 3})
	same("AppendRows", &some, `None {"a": 4}`)
	all.Truncate(2)
	same("Truncate", &all, `{"a": 1} None`)
	all.Reset()
	all.Append(starlark.String("x"))
	same("Reset", &all, `"x"`)
	for _, f := range []Format{Rows, Columnar} {
		b := &Batch{Column: Column{Kind: Tuple, N: 4, Fields: []Column{{Kind: Int, N: 4, Ints: []int64{5, 6, 7, 8}}, c}}}
		decoded := mustDecode(t, mustAppend(t, b, f))
		same("a chunk", &decoded.Column, `(5, {"a": 1}) (6, None) (7, {"a": 3}) (8, {"a": 4})`)
	}
}

func TestBatchOrdinals(t *testing.T) {
	b := &Batch{Base: 100, Relative: []uint32{0, 0, 5, 5, 5, 9}, Lanes: []uint32{1, 1, 2, 2, 2, 3}}
	for range 6 {
		b.AppendInt(1)
	}
	want := []Ordinal{{100, 1, 0}, {100, 1, 1}, {105, 2, 0}, {105, 2, 1}, {105, 2, 2}, {109, 3, 0}}
	for i, o := range b.Ordinals(nil) {
		if o != want[i] {
			t.Errorf("ordinal %d is %v, want %v", i, o, want[i])
		}
		if i > 0 && want[i-1].Compare(o) >= 0 {
			t.Errorf("ordinal %d does not come after the one before", i)
		}
	}
}

func TestRecordsThatLackKeys(t *testing.T) {
	var c Column
	c.BecomeRecord([]string{"a", "b"})
	for _, b := range []starlark.Value{starlark.MakeInt(1), nil, starlark.None} {
		c.Fields[0].AppendFloat(0.5)
		if b == nil {
			c.Fields[1].AppendMissing()
		} else {
			c.Fields[1].Append(b)
		}
		c.N++
	}
	if c.Fields[0].Lacks() || !c.Fields[1].Lacks() {
		t.Errorf("a lacks: %v, b lacks: %v", c.Fields[0].Lacks(), c.Fields[1].Lacks())
	}
	var copied Column
	for i, want := range []string{`{"a": 0.5, "b": 1}`, `{"a": 0.5}`, `{"a": 0.5, "b": None}`} {
		copied.AppendFrom(&c, i)
		if got := c.At(i).String(); got != want || copied.At(i).String() != want {
			t.Errorf("record %d is %s and %s as a copy, want %s", i, got, copied.At(i), want)
		}
	}
	c.Append(starlark.None)
	if c.Kind != Any || c.At(1).String() != `{"a": 0.5}` {
		t.Errorf("boxed: %v", c.At(1))
	}
}
