package operator

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// NewGreatest keeps the n greatest values of each group as a list, the greatest first; of equal ones that with the
// lower ordinal comes first. Records and states may come in any order.
//
// Fold returns a *RecordError for a value that has no order. Results returns one for a group whose values do not
// compare: of the first record, in the order of the flow, that does not go with those before it.
func NewGreatest(n int64) Aggregate { return &greatest{top: topAggregate{limit: n, reverse: true}} }

type greatest struct {
	top     topAggregate
	classes classes
	key     []byte
}

func (a *greatest) foldsOrdinals() {}

func (a *greatest) Fold(groups []int32, in *Keyed) (err error) {
	for i, g := range groups {
		v, ord := in.Values.At(i), in.Ordinal(i)
		if a.key, err = value.AppendOrder(a.key[:0], v, value.NullsError); err != nil {
			return &RecordError{Ordinal: ord, Err: err}
		}
		a.top.grow(g)
		a.classes.see(g, seenClass{value.ClassOf(v), ord})
		if key := view(a.key); a.top.enters(g, key, ord) {
			a.top.push(g, key, ord, v)
		}
	}
	return nil
}

// A state is the pair of a top's state and the group's classes.
func (a *greatest) States(groups []int32, out *chunk.Column) {
	for _, g := range groups {
		fields := tupleFields(out, 2)
		a.top.States([]int32{g}, &fields[0])
		fields[1].Append(a.classes.state(g))
		out.N++
	}
}

// Pieces appends the state of a group as several, of which the first alone has the classes.
func (a *greatest) Pieces(g int, out *chunk.Column) int {
	var tops chunk.Column
	n := a.top.Pieces(g, &tops)
	for i := range n {
		classes := starlark.Value(frozenList(nil))
		if i == 0 {
			classes = a.classes.state(int32(g))
		}
		out.Append(starlark.Tuple{tops.At(i), classes})
	}
	return n
}

func (a *greatest) whole(g int32) bool { return a.top.whole(g) }

func (a *greatest) Merge(groups []int32, in *Keyed) error {
	fields := tupleColumns(&in.Values)
	if len(fields) != 2 {
		return errState("top")
	}
	part := *in
	part.Values = fields[0]
	if err := a.top.Merge(groups, &part); err != nil {
		return err
	}
	for i, g := range groups {
		if !a.classes.merge(g, fields[1].At(i)) {
			return errState("top")
		}
	}
	return nil
}

func (a *greatest) Results(groups []int32, out *chunk.Column) error {
	for _, g := range groups {
		if err := a.classes.check(g); err != nil {
			return err
		}
	}
	return a.top.Results(groups, out)
}

func (a *greatest) Size() int64 { return a.top.Size() + a.classes.size() }

func (a *greatest) Reset() {
	a.top.Reset()
	a.classes.reset()
}

// classes is which classes of values each group has seen, each with the lowest ordinal of one.
type classes struct {
	groups [][]seenClass
	held   int64
}

func (c *classes) see(g int32, s seenClass) {
	for int(g) >= len(c.groups) {
		c.groups = append(c.groups, nil)
	}
	seen := c.groups[g]
	for i := range seen {
		if seen[i].class != s.class {
			continue
		}
		if s.first.Compare(seen[i].first) < 0 {
			seen[i] = s
		}
		return
	}
	c.groups[g] = append(seen, s)
	c.held += int64(unsafe.Sizeof(s)) + int64(len(s.class))
}

func (c *classes) check(g int32) error { return checkClasses(c.groups[g]) }

// checkClasses finds the first record that does not compare with those before it, and sorts the classes.
func checkClasses(seen []seenClass) error {
	if len(seen) == 0 {
		return nil
	}
	slices.SortFunc(seen, func(x, y seenClass) int { return x.first.Compare(y.first) })
	joined := seen[0].class
	for _, s := range seen[1:] {
		next, ok := value.JoinClass(joined, s.class)
		if !ok {
			return &RecordError{Ordinal: s.first, Err: fmt.Errorf("%s does not compare with %s, which came before it", s.class, joined)}
		}
		joined = next
	}
	return nil
}

func (c *classes) state(g int32) starlark.Value { return classState(c.groups[g]) }

// classState is classes as the list that a state has of them.
func classState(seen []seenClass) starlark.Value {
	list := make([]starlark.Value, len(seen))
	for i, s := range seen {
		list[i] = starlark.Tuple{
			starlark.String(s.class), starlark.MakeUint64(uint64(s.first.Lane)), starlark.MakeInt64(int64(s.first.Position)),
			starlark.MakeUint64(uint64(s.first.Sibling)),
		}
	}
	return frozenList(list)
}

// merge adds the classes of a state; it reports false if it is none.
func (c *classes) merge(g int32, state starlark.Value) bool {
	list, ok := state.(*starlark.List)
	if !ok {
		return false
	}
	for i := range list.Len() {
		t, ok := list.Index(i).(starlark.Tuple)
		if !ok || len(t) != placedWidth || !areInts(t[1:]) {
			return false
		}
		class, ok := starlark.AsString(t[0])
		if !ok {
			return false
		}
		c.see(g, seenClass{value.Class(class), ordinalIn(t)})
	}
	return true
}

func (c *classes) size() int64 { return int64(24*cap(c.groups)) + c.held }

func (c *classes) reset() {
	clear(c.groups)
	c.groups, c.held = c.groups[:0], 0
}
