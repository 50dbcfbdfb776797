package operator

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"github.com/flowsh/flowsh/spill"
	"go.starlark.net/starlark"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A record is what tests put in.
type record struct {
	key, value starlark.Value
	ord        chunk.Ordinal
}

func at(position int) chunk.Ordinal { return chunk.Ordinal{Position: uint64(position)} }

func keyed(records ...record) *Keyed {
	var in Keyed
	for _, r := range records {
		in.Keys.Append(r.key)
		if r.value != nil {
			in.Values.Append(r.value)
		}
		in.Ordinals = append(in.Ordinals, r.ord)
	}
	return &in
}

// show writes a run down.
func show(b *strings.Builder, k *Keyed) {
	for i, o := range k.Ordinals {
		fmt.Fprintf(b, "%d.%d.%d %s = %s\n", o.Lane, o.Position, o.Sibling, k.Keys.At(i), k.Values.At(i))
	}
}

func emit(t fataler, g *Groups) string {
	t.Helper()
	var b strings.Builder
	if err := g.Emit(t.Context(), func(k *Keyed) error { show(&b, k); return nil }); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func memory(share int64) Memory {
	return Memory{Share: share, Store: spill.NewMem(), ID: "test"}
}

// aggregates are all of them, by name, with whether they need order.
var aggregates = map[string]struct {
	make    func() Aggregate
	ordered bool
}{
	"count":   {NewCount, false},
	"sum":     {NewSum, false},
	"mean":    {NewMean, false},
	"min":     {func() Aggregate { return NewMinMax(false) }, false},
	"max":     {func() Aggregate { return NewMinMax(true) }, false},
	"first":   {NewFirst, false},
	"top":     {func() Aggregate { return NewTop(3, false) }, false},
	"bottom":  {func() Aggregate { return NewTop(2, true) }, false},
	"last":    {NewLastValue, false},
	"all":     {NewListInOrder, false},
	"set":     {NewSet, false},
	"var":     {func() Aggregate { return NewVariance(false) }, false},
	"median":  {func() Aggregate { return NewQuantile(0.5) }, false},
	"about":   {NewDistinct, false},
	"highest": {func() Aggregate { return NewGreatest(3) }, false},
	"summary": {func() Aggregate {
		return NewSummary([]SummaryPart{
			{"total", NewSum, 0}, {"n", NewCount, -1}, {"words", NewSet, 1}, {"a", NewFirstValue, 1}, {"z", NewLastValue, 0}, {"all", NewListInOrder, 1},
		})
	}, false},
	"ints": {func() Aggregate {
		return NewIntegers([]IntegerPart{{Kind: SumOfInts, Start: 5}}, nil)
	}, false},
	"greatest": {func() Aggregate { return NewIntegers([]IntegerPart{{Kind: MostInt}}, nil) }, false},
	"least":    {func() Aggregate { return NewIntegers([]IntegerPart{{Kind: LeastInt}}, nil) }, false},
	"list":     {NewList, true},
	"take":     {func() Aggregate { return NewTake(2) }, true},
	"fold":     {func() Aggregate { return NewFold(&eachFolder{oneByOne: listFolder{}}) }, true},
	"collect":  {func() Aggregate { return NewFold(&eachFolder{oneByOne: dictFolder{}}) }, true},
}

func config(name string, share int64) GroupsConfig {
	a := aggregates[name]
	return GroupsConfig{
		New:     func() (Aggregate, error) { return a.make(), nil },
		Ordered: a.ordered, Memory: memory(share),
	}
}

// oneByOne is what a Folder does with one record.
type oneByOne interface {
	Initial(lane uint32) (starlark.Value, error)
	Fold(state starlark.Value, records *chunk.Column, i int) (starlark.Value, error)
	Merge(earlier, later starlark.Value) (starlark.Value, error)
}

// eachFolder is a Folder that folds record by record.
type eachFolder struct {
	oneByOne
	records *chunk.Column
}

func (f *eachFolder) At(chunk.Ordinal) {}

func (f *eachFolder) Open(records *chunk.Column, _ func(int) chunk.Ordinal) { f.records = records }

func (f *eachFolder) Close() { f.records = nil }

func (f *eachFolder) Fold(state starlark.Value, i, end int) (starlark.Value, int, error) {
	for ; i < end; i++ {
		next, err := f.oneByOne.Fold(state, f.records, i)
		if err != nil {
			return nil, i, err
		}
		state = next
	}
	return state, i, nil
}

// listFolder folds records into tuples, which are new with each record.
type listFolder struct{}

func (listFolder) Initial(uint32) (starlark.Value, error) { return starlark.Tuple{}, nil }

func (listFolder) Fold(state starlark.Value, records *chunk.Column, i int) (starlark.Value, error) {
	return append(slices.Clone(state.(starlark.Tuple)), value.Detach(records.At(i))), nil
}

func (listFolder) Merge(earlier, later starlark.Value) (starlark.Value, error) {
	return slices.Concat(earlier.(starlark.Tuple), later.(starlark.Tuple)), nil
}

// dictFolder counts records in a dict that it changes.
type dictFolder struct{}

func (dictFolder) Initial(uint32) (starlark.Value, error) { return starlark.NewDict(0), nil }

func (dictFolder) Fold(state starlark.Value, records *chunk.Column, i int) (starlark.Value, error) {
	return add(state.(*starlark.Dict), value.Detach(records.At(i)), starlark.MakeInt(1))
}

func (dictFolder) Merge(earlier, later starlark.Value) (starlark.Value, error) {
	for _, item := range later.(*starlark.Dict).Items() {
		if _, err := add(earlier.(*starlark.Dict), item[0], item[1].(starlark.Int)); err != nil {
			return nil, err
		}
	}
	return earlier, nil
}

func add(d *starlark.Dict, k starlark.Value, n starlark.Int) (starlark.Value, error) {
	if old, ok, _ := d.Get(k); ok {
		n = n.Add(old.(starlark.Int))
	}
	return d, d.SetKey(k, n)
}

// want computes the groups of records the plain way.
func want(name string, records []record) string {
	sorted := slices.Clone(records)
	slices.SortFunc(sorted, func(x, y record) int { return x.ord.Compare(y.ord) })
	type group struct {
		first  record
		values []record
	}
	var groups []*group
	index := map[string]*group{}
	for _, r := range sorted {
		key, _, _ := value.AppendKey(nil, r.key)
		g := index[string(key)]
		if g == nil {
			g = &group{first: r}
			index[string(key)] = g
			groups = append(groups, g)
		}
		g.values = append(g.values, r)
	}
	var b strings.Builder
	for _, g := range groups {
		out := Keyed{Ordinals: []chunk.Ordinal{g.first.ord}}
		out.Keys.Append(g.first.key)
		out.Values.Append(plain(name, g.values))
		show(&b, &out)
	}
	return b.String()
}

// plain computes an aggregate of one group's records, which are in order.
func plain(name string, records []record) starlark.Value {
	var values []starlark.Value
	for _, r := range records {
		values = append(values, r.value)
	}
	switch name {
	case "count":
		return starlark.MakeInt(len(values))
	case "sum", "mean":
		total := starlark.MakeInt(0)
		for _, v := range values {
			total = total.Add(v.(starlark.Int))
		}
		if name == "sum" {
			return total
		}
		f := total.Float() / starlark.Float(len(values))
		return f
	case "ints":
		return plain("sum", records).(starlark.Int).Add(starlark.MakeInt(5))
	case "greatest":
		return plain("max", records)
	case "least":
		return plain("min", records)
	case "min":
		return slices.MinFunc(values, compareValues)
	case "max":
		return slices.MaxFunc(values, compareValues)
	case "first":
		return values[0]
	case "list", "all":
		return starlark.NewList(values)
	case "last":
		return values[len(values)-1]
	case "set":
		return setOf(values)
	case "var":
		return variance(values)
	case "median":
		slices.SortFunc(values, compareValues)
		return values[(len(values)-1)/2].(starlark.Int).Float()
	case "about":
		return starlark.MakeInt(setOf(values).Len())
	case "highest":
		slices.SortStableFunc(values, func(x, y starlark.Value) int { return compareValues(y, x) })
		return starlark.NewList(values[:min(3, len(values))])
	case "summary":
		return starlark.Tuple{
			plain("sum", field(records, 0)), starlark.MakeInt(len(records)), plain("set", field(records, 1)),
			plain("first", field(records, 1)), plain("last", field(records, 0)), plain("all", field(records, 1)),
		}
	case "take":
		return starlark.NewList(values[:min(2, len(values))])
	case "fold":
		return starlark.Tuple(values)
	case "collect":
		d := starlark.NewDict(0)
		for _, v := range values {
			add(d, v, starlark.MakeInt(1))
		}
		return d
	case "top":
		slices.SortStableFunc(values, func(x, y starlark.Value) int { return cmp.Compare(pairKey(x), pairKey(y)) })
		return second(values, 3)
	case "bottom":
		slices.SortStableFunc(values, func(x, y starlark.Value) int { return cmp.Compare(pairKey(y), pairKey(x)) })
		return second(values, 2)
	}
	panic(name)
}

func setOf(values []starlark.Value) *starlark.Set {
	set := starlark.NewSet(0)
	for _, v := range values {
		_ = set.Insert(v) // what tests draw can be hashed
	}
	return set
}

func variance(values []starlark.Value) starlark.Value {
	if len(values) < 2 {
		return starlark.None
	}
	n, sum, squares := big.NewInt(int64(len(values))), new(big.Int), new(big.Int)
	for _, v := range values {
		x := v.(starlark.Int).BigInt()
		sum.Add(sum, x)
		squares.Add(squares, x.Mul(x, x))
	}
	over := squares.Sub(squares.Mul(squares, n), sum.Mul(sum, sum))
	f, _ := new(big.Rat).SetFrac(over, n.Mul(n, big.NewInt(int64(len(values)-1)))).Float64()
	return starlark.Float(f)
}

// field is the records with one field of their values.
func field(records []record, i int) []record {
	fields := slices.Clone(records)
	for k := range fields {
		fields[k].value = fields[k].value.(starlark.Tuple)[i]
	}
	return fields
}

func pairKey(v starlark.Value) string { return string(v.(starlark.Tuple)[0].(starlark.String)) }

func second(pairs []starlark.Value, n int) starlark.Value {
	var values []starlark.Value
	for _, p := range pairs[:min(n, len(pairs))] {
		values = append(values, p.(starlark.Tuple)[1])
	}
	return starlark.NewList(values)
}

func compareValues(x, y starlark.Value) int {
	a, _ := value.AppendOrder(nil, x, value.NullsError)
	b, _ := value.AppendOrder(nil, y, value.NullsError)
	return cmp.Compare(string(a), string(b))
}

// fataler is what *testing.T and *rapid.T share.
type fataler interface {
	Helper()
	Context() context.Context
	Fatal(args ...any)
}
