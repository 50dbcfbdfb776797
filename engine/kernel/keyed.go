package kernel

import (
	"fmt"
	"math"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// A Delta describes a reducer that does nothing to its state but add ints to it, or keep the least or the greatest
// of ints, part by part. Such a reducer need not see one record after another: called with an empty state it gives
// what its record adds, and what records add can be put together in any order, because ints are exact.
//
// Where it is not known that all numbers are ints, they are added in the order of the records, and only sums will do:
// then the Delta is Ordered.
//
// The parts are those of the state, or where the state is a dict those of the values of its keys.
type Delta struct {
	Step    // the reducer: Op, Name, At, Fn, Using
	Keyed   bool
	Ordered bool
	Shape   Shape
	Parts   []Part

	initial starlark.Value         // not Keyed: the state to begin with, with 0 for sums
	zeros   []starlark.Value       // the parts of zero
	zero    starlark.Value         // Keyed: what a key is taken to have
	starts  map[int]starlark.Value // Keyed: what a part is where its key is missing
	key     string                 // Keyed: the text of the only key that a record changes; "": it is not known
	keyExpr syntax.Expr            // its expression
	find    keyFinder              // Keyed and Ordered: gives the key
	several bool                   // there is more than one such text
	merged  map[syntax.Stmt]bool   // statements that only make a key to which the next one adds
}

// A Shape is how a state, or the value of a key, holds its parts.
type Shape uint8

// The shapes.
const (
	Scalar Shape = iota // the only part itself
	TupleOf
	ListOf
)

// A PartKind says how the ints of a part are put together.
type PartKind uint8

// The kinds of parts.
const (
	PartKept  PartKind = iota // no record changes it
	PartSum                   // they are added
	PartLeast                 // the least is kept
	PartMost                  // the greatest is kept
)

// A Part is a number of a state.
type Part struct {
	Kind  PartKind
	Start starlark.Value // the number before the first record; nil for a state that is Keyed

	changes int // statements that change it
}

// maxParts is how many parts a state may have.
const maxParts = 32

// Width is the number of columns that a record's rows fill: the parts, after the key if there is one.
func (d *Delta) width() int {
	if d.Keyed {
		return len(d.Parts) + 1
	}
	return len(d.Parts)
}

// Value is a state, or the value of a key, made of its parts.
func (d *Delta) Value(parts []starlark.Value) starlark.Value {
	switch d.Shape {
	case TupleOf:
		return starlark.Tuple(parts)
	case ListOf:
		l := starlark.NewList(parts)
		l.Freeze()
		return l
	}
	return parts[0]
}

// Initial is the state before the first record, of a reducer that is not Keyed.
func (d *Delta) Initial() starlark.Value {
	parts := make([]starlark.Value, len(d.Parts))
	for i, p := range d.Parts {
		parts[i] = p.Start
	}
	return d.Value(parts)
}

// stores notes the key of a change.
func (d *Delta) stores(key string) {
	if d.key != "" && d.key != key {
		d.several = true
	}
	d.key = key
}

// ChangesKeyOf says that the only key that a record changes is what another function, such as that of a partition,
// gives for the same record.
func (d *Delta) ChangesKeyOf(fn *Func) bool {
	return d.Keyed && !d.several && d.key != "" && d.key == fn.text(d.Fn)
}

// fresh is the state that a record's delta is taken from.
func (d *Delta) fresh() starlark.Value {
	if d.Keyed {
		return starlark.NewDict(1)
	}
	if l, ok := d.initial.(*starlark.List); ok {
		elems := make([]starlark.Value, l.Len())
		for i := range elems {
			elems[i] = l.Index(i)
		}
		return starlark.NewList(elems)
	}
	return d.initial
}

// parts appends the parts of a state that a record made.
func (d *Delta) parts(dst []starlark.Value, v starlark.Value) ([]starlark.Value, error) {
	n := len(dst)
	switch x := v.(type) {
	case starlark.Tuple:
		if d.Shape == TupleOf {
			dst = append(dst, x...)
		}
	case *starlark.List:
		if d.Shape == ListOf {
			for i := range x.Len() {
				dst = append(dst, x.Index(i))
			}
		}
	case starlark.Int, starlark.Float:
		if d.Shape == Scalar {
			dst = append(dst, x)
		}
	}
	if len(dst)-n != len(d.Parts) {
		return nil, d.unlike(v)
	}
	for _, part := range dst[n:] {
		if !d.takes(part) {
			return nil, d.unlike(part)
		}
	}
	return dst, nil
}

// takes says that a value may be a part.
func (d *Delta) takes(v starlark.Value) bool {
	switch v.(type) {
	case starlark.Int:
		return true
	case starlark.Float:
		return d.Ordered
	}
	return false
}

// unlike is the error of a state that a delta cannot have.
func (d *Delta) unlike(v starlark.Value) error {
	return fmt.Errorf("a bug of flowsh: %s was taken to add up numbers, and made a %s: run it with --kernels=off", d.Name, v.Type())
}

// Decompose finds out whether a reducer only adds to its state; by says that its states are by key already, and
// chain is what its records come through. The error is a *Refusal that says why it does not: its records are folded
// in order then.
func Decompose(r *Reducer, by bool, chain *Chain, env *Env) (d *Delta, err error) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case *Refusal:
			d, err = nil, cause
		default:
			panic(cause)
		}
	}()
	fn, ok := r.Fn.Callable.(*starlark.Function)
	if !ok || r.Fn.Source == nil {
		refuse(0, "is not a function of the script")
	}
	d = &Delta{Step: Step{Op: r.Op, Name: r.Name, At: r.At, Fn: r.Fn, Using: r.Using}, starts: map[int]starlark.Value{}, merged: map[syntax.Stmt]bool{}}
	d.begin(r, by, env)
	a := newKeyedReader(d, r.Fn.Source, fn)
	a.reducer(r, chain.shade())
	if d.Ordered && a.several {
		refuse(0, "adds what is not known to be an int, several times")
	}
	if d.Ordered && d.Keyed && d.keyExpr != nil {
		if d.find = a.finder(d.keyExpr, 0); d.find == nil {
			refuseAt(d.keyExpr, "adds what is not known to be an int to a key that is not simple")
		}
	}
	d.settle()
	return d, nil
}

// begin takes the initial state apart.
func (d *Delta) begin(r *Reducer, by bool, env *Env) {
	if fn, ok := r.Initial.(*starlark.Function); r.First || ok && TakesLane(fn) {
		refuse(0, "starts with what depends on the record or the lane")
	}
	initial, err := NewFolder(r, env).Initial(0)
	if err != nil {
		refuse(0, "starts with a function that fails")
	}
	switch v := initial.(type) {
	case *starlark.Dict:
		if by || v.Len() > 0 {
			refuse(0, "starts with a dict that is not empty, or of one key")
		}
		d.Keyed = true
		return
	case starlark.Tuple:
		d.Shape = TupleOf
		d.begins(v)
		d.initial = v
	case *starlark.List:
		d.Shape = ListOf
		var elems []starlark.Value
		for i := range v.Len() {
			elems = append(elems, v.Index(i))
		}
		d.begins(elems)
		d.initial = v
	default:
		d.begins([]starlark.Value{v})
		d.initial = v
	}
}

func (d *Delta) begins(values []starlark.Value) {
	if len(values) == 0 || len(values) > maxParts {
		refuse(0, "starts with no number")
	}
	for _, v := range values {
		if !d.startsWith(v) {
			refuse(0, "starts with %s, not with small ints", v.Type())
		}
		d.Parts = append(d.Parts, Part{Start: v})
	}
}

// startsWith says that a part may start as a value. One that starts as a float is never an int, and -0.0 is what adding
// 0 to it would change.
func (d *Delta) startsWith(v starlark.Value) bool {
	switch v := v.(type) {
	case starlark.Int:
		_, small := v.Int64()
		return small
	case starlark.Float:
		d.Ordered = true
		return v != 0 || !math.Signbit(float64(v))
	}
	return false
}

// settle makes the empty state, when the kinds of all parts are known.
func (d *Delta) settle() {
	if len(d.Parts) == 0 {
		refuse(0, "changes no key")
	}
	for _, p := range d.Parts {
		if d.Ordered && (p.Kind == PartLeast || p.Kind == PartMost || p.changes > 1) {
			refuse(0, "does more than to add one number that is not known to be an int")
		}
	}
	parts := make([]starlark.Value, len(d.Parts))
	if d.Keyed {
		d.settleKeys(parts)
		return
	}
	for i, p := range d.Parts {
		parts[i] = starlark.MakeInt(0)
		if _, float := p.Start.(starlark.Float); float {
			parts[i] = starlark.Float(0)
		}
		if p.Kind == PartLeast || p.Kind == PartMost {
			parts[i] = p.Start
		}
	}
	switch d.Shape {
	case Scalar:
		d.initial = parts[0]
	case TupleOf:
		d.initial = starlark.Tuple(parts)
	case ListOf:
		d.initial = starlark.NewList(parts)
	}
}

// settleKeys makes what a key is taken to have.
func (d *Delta) settleKeys(parts []starlark.Value) {
	for i, p := range d.Parts {
		start := d.starts[i]
		if start == nil {
			start = starlark.MakeInt(0)
		}
		if bool(start.Truth()) && (p.Kind == PartSum || p.Kind == PartKept) {
			refuse(0, "starts keys with what is not 0")
		}
		parts[i] = start
	}
	d.zero, d.zeros = d.Value(parts), parts
}
