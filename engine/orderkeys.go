package engine

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/value"
)

// orderKeys turns sort keys into bytes that compare as the keys do, and finds the first key that does not compare
// with those before it. encode may be called concurrently; check, or sift in its place, is called in the order of the units.
type orderKeys struct {
	op    *Op
	nulls value.Nulls
	class value.Class // of the keys so far; "": none yet
	first string      // the first record
}

func newOrderKeys(op *Op) orderKeys { return orderKeys{op: op, nulls: nullsOf(op)} }

// nullsOf is what None is worth so that it comes out where the operator says, also in reverse.
func nullsOf(op *Op) value.Nulls {
	switch {
	case op.Nulls == "":
		return value.NullsError
	case (op.Nulls == "first") != op.Reverse:
		return value.NullsFirst
	}
	return value.NullsLast
}

// keyClasses is what a unit's keys compare with: the classes in order of occurrence, each beside its first
// record, up to the first that does not compare with those before it.
type keyClasses struct {
	seen   []classSeen
	joined value.Class
	broken bool
}

type classSeen struct {
	class  value.Class
	record string
	origin *chunk.Origin
}

func (c *keyClasses) see(class value.Class, u *unit, i int) {
	if c.broken {
		return
	}
	joined, ok := class, true
	if len(c.seen) > 0 {
		if joined, ok = value.JoinClass(c.joined, class); ok && joined == c.joined {
			return
		}
	}
	c.seen = append(c.seen, classSeen{class: class, record: value.Cut(u.out.At(i), 1024), origin: originOf(u, i)})
	c.joined, c.broken = joined, !ok
}

// classesOf is what a unit's keys compare with, which are of one class.
func classesOf(keys *chunk.Column, u *unit) *keyClasses {
	classes := &keyClasses{}
	if keys.N > 0 {
		classes.see(value.ClassOf(keys.At(0)), u, 0)
	}
	return classes
}

// A keyArena is the memory of the order keys of a unit.
type keyArena struct {
	bytes []byte
	ends  []int // of the keys in it
}

// end ends a key.
func (a *keyArena) end() { a.ends = append(a.ends, len(a.bytes)) }

// mostKept is how many bytes an arena keeps for the next unit.
const mostKept = 4 << 20

// begin forgets the keys; n will come.
func (a *keyArena) begin(n int) {
	if cap(a.bytes) > mostKept {
		a.bytes = nil
	}
	a.bytes, a.ends = a.bytes[:0], slices.Grow(a.ends[:0], n)
}

// views appends the keys to a column. They are there until begin.
func (a *keyArena) views(to *chunk.Column) {
	text, lo := unsafe.String(unsafe.SliceData(a.bytes), len(a.bytes)), 0
	to.Strings = slices.Grow(to.Strings, len(a.ends))
	for _, hi := range a.ends {
		to.AppendString(text[lo:hi])
		lo = hi
	}
}

// encode fills a column with the order-preserving keys of a unit, which are there until the arena is used again, and notes
// what they compare with. It fails for the first key that has no order, and then leaves those before it to check.
func (o *orderKeys) encode(keys *chunk.Column, u *unit, into *chunk.Column, a *keyArena) error {
	a.begin(keys.N)
	classes := &keyClasses{}
	plain := plainKeys(keys)
	for i := range keys.N {
		start := len(a.bytes)
		if plain {
			a.bytes = appendPlainKey(a.bytes, keys, i)
		}
		if !plain || len(a.bytes)-start > longKey {
			var err error
			if a.bytes, err = value.AppendOrder(a.bytes[:start], keys.At(i), o.nulls); err != nil {
				u.ready, u.partial = classes, true // an earlier key may not compare
				return o.failure(u, i, err)
			}
		}
		a.end()
		if i == 0 {
			a.bytes = slices.Grow(a.bytes, min(len(a.bytes)*(keys.N+keys.N/8), mostGrown))
		}
		if i == 0 || !plain {
			classes.see(value.ClassOf(keys.At(i)), u, i)
		}
	}
	a.views(into)
	u.ready = classes
	return nil
}

// failure is the error of a record whose key has no order.
func (o *orderKeys) failure(u *unit, i int, err error) error {
	s := o.complaint(value.Cut(u.out.At(i), 1024), originOf(u, i), err.Error())
	s.Err = err
	return s
}

func (o *orderKeys) complaint(record string, origin *chunk.Origin, message string) *kernel.ScriptError {
	return &kernel.ScriptError{Op: o.op.ID, Name: string(o.op.Kind), Message: message, Position: o.op.At, Record: record, Origin: origin}
}

// originOf is where a unit's record was read, nil if that is not known.
func originOf(u *unit, i int) *chunk.Origin {
	from := u.out.Origin
	if from == nil {
		return nil
	}
	return &chunk.Origin{File: from.File, Base: from.Base + int64(u.out.RelativeAt(i))}
}

// check compares the classes of the unit's keys with those before: the first record that does not compare is the
// error, whatever the units.
func (o *orderKeys) check(u *unit) error {
	classes, ok := u.ready.(*keyClasses)
	if !ok {
		return nil
	}
	for _, c := range classes.seen {
		if o.class == "" {
			o.class, o.first = c.class, c.record
			continue
		}
		joined, ok := value.JoinClass(o.class, c.class)
		if !ok {
			return o.complaint(c.record, c.origin, fmt.Sprintf("keys do not compare: those before are %s, this one is %s; the first record is %s", o.class, c.class, o.first))
		}
		if o.class == value.ClassNone {
			o.first = c.record
		}
		o.class = joined
	}
	return nil
}

// sift is check for a task of another run, which checks the keys of all tasks: of the unit's classes that stays which the
// run cannot know from the units before. It reports false if the run will find one that does not compare.
func (o *orderKeys) sift(u *unit) bool {
	classes, ok := u.ready.(*keyClasses)
	if !ok {
		return true
	}
	joined := o.class
	for _, c := range classes.seen {
		if joined == "" {
			joined = c.class
		} else if joined, ok = value.JoinClass(joined, c.class); !ok {
			return false
		}
	}
	if joined == o.class {
		u.ready = nil
	}
	o.class = joined
	return true
}
