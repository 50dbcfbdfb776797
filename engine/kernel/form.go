package kernel

import (
	"math"
	"math/bits"

	"go.starlark.net/syntax"
)

// A form is an int that is computed from one variable and numbers in the text: (variable & mask) * mul + add, or
// the variable shifted. Statements that consist of forms are one closure each, which is what loops mostly need.
type form struct {
	at       slot
	mask     int64 // -1: all bits
	mul, add int64
	shift    uint8 // to the right; then there is no mul and no add
}

// formOf is the form of an operand.
func (o *operand) formOf() (form, bool) {
	switch {
	case o.form != nil:
		return *o.form, true
	case o.held && o.typ.kind == integer:
		return form{at: o.at, mask: -1, mul: 1}, true
	}
	return form{}, false
}

// plain says that the form is the variable itself, masked perhaps.
func (r form) plain() bool { return r.mul == 1 && r.add == 0 && r.shift == 0 }

// formed is the form of an operator with a number on one side; ok is false if there is none.
func formed(op syntax.Token, x operand, k int64) (r form, ok bool) {
	if r, ok = x.formOf(); !ok {
		return r, false
	}
	power := k > 0 && k&(k-1) == 0
	switch {
	case op == syntax.PLUS && r.shift == 0 && small(k) && small(r.add):
		r.add += k
	case op == syntax.MINUS && r.shift == 0 && small(k) && small(r.add):
		r.add -= k
	case op == syntax.STAR && r.shift == 0 && k > 0 && small(k) && small(r.mul) && small(r.add):
		r.mul *= k
		r.add *= k
	case op == syntax.PERCENT && power && r.plain() && r.mask == -1:
		r.mask = k - 1
	case op == syntax.AMP && k >= 0 && r.plain() && r.mask == -1:
		r.mask = k
	case op == syntax.GTGT && k >= 0 && k < 63 && r.plain() && r.mask == -1:
		r.shift = uint8(k)
	case op == syntax.SLASHSLASH && power && r.plain() && r.mask == -1:
		r.shift = uint8(bits.TrailingZeros64(uint64(k)))
	default:
		return r, false
	}
	return r, small(r.mul) && small(r.add)
}

func small(n int64) bool { return n > -1<<30 && n < 1<<30 }

// bounds is what the variable may be for nothing to overflow.
func (r form) bounds() (lo, hi int64) {
	return (math.MinInt64 - min(r.add, 0)) / r.mul, (math.MaxInt64 - max(r.add, 0)) / r.mul
}

// store is the statement variable = form.
func (r form) store(to slot, line int32) statement {
	at := r.at
	switch {
	case r.shift > 0:
		shift := r.shift & 63
		return func(f *frame) signal {
			f.slots[to&slotMask].n = f.slots[at&slotMask].n >> (shift & 63)
			return goOn
		}
	case r.mask != -1:
		mask, mul, add := r.mask, r.mul, r.add
		if mask > 1<<30 {
			return nil
		}
		return func(f *frame) signal {
			f.slots[to&slotMask].n = (f.slots[at&slotMask].n&mask)*mul + add
			return goOn
		}
	}
	lo, hi := r.bounds()
	mul, add := r.mul, r.add
	if mul == 1 {
		return func(f *frame) signal {
			n := f.slots[at&slotMask].n
			if n > hi || n < lo {
				f.bail(overflow, line)
			}
			f.slots[to&slotMask].n = n + add
			return goOn
		}
	}
	return func(f *frame) signal {
		n := f.slots[at&slotMask].n
		if n > hi || n < lo {
			f.bail(overflow, line)
		}
		f.slots[to&slotMask].n = n*mul + add
		return goOn
	}
}

// An arm is a form with the bounds of its variable, as all forms can be computed: ((variable & mask) >> shift) * mul + add.
type arm struct {
	form
	lo, hi int64
}

// arm is the form as an arm; ok is false if it might overflow in a way that bounds do not tell.
func (r form) arm() (a arm, ok bool) {
	a = arm{form: r, lo: math.MinInt64, hi: math.MaxInt64}
	switch {
	case r.shift > 0:
		a.mask, a.mul, a.add = -1, 1, 0
	case r.mask != -1:
		return a, r.mask <= 1<<30
	default:
		a.lo, a.hi = r.bounds()
	}
	return a, true
}

// choose is the statement variable = one form where the test holds, else another; nil: it is better done by a branch. It
// does not branch itself: which form it is changes from round to round of loops, and cannot be foreseen.
func (t *test) choose(yes, no *form, to slot, line int32) statement {
	var arms [2]arm
	var ok [2]bool
	arms[0], ok[0] = no.arm()
	arms[1], ok[1] = yes.arm()
	if !ok[0] || !ok[1] || t.below {
		return nil
	}
	if t.not {
		arms[0], arms[1] = arms[1], arms[0]
	}
	at, mask, k := t.at, t.mask, t.k
	return func(f *frame) signal {
		which := 0
		if f.slots[at&slotMask].n&mask == k {
			which = 1
		}
		a := &arms[which&1]
		n := f.slots[a.at&slotMask].n
		if n > a.hi || n < a.lo {
			f.bail(overflow, line)
		}
		f.slots[to&slotMask].n = (n&a.mask)>>(a.shift&63)*a.mul + a.add
		return goOn
	}
}

// A test is a comparison of a masked variable with a number: equal to it, or below it; or not.
type test struct {
	at    slot
	mask  int64
	k     int64
	below bool
	not   bool
}

// tested is the test that a comparison is; nil: it is none.
func tested(op syntax.Token, x operand, k int64) *test {
	r, ok := x.formOf()
	if !ok || !r.plain() || k == math.MaxInt64 {
		return nil
	}
	t := &test{at: r.at, mask: r.mask, k: k}
	switch op {
	case syntax.EQL:
	case syntax.NEQ:
		t.not = true
	case syntax.LT:
		t.below = true
	case syntax.GE:
		t.below, t.not = true, true
	case syntax.LE:
		t.below, t.k = true, k+1
	case syntax.GT:
		t.below, t.not, t.k = true, true, k+1
	}
	return t
}

// truth is the test as a condition.
func (t *test) truth() func(*frame) bool {
	at, mask, k := t.at, t.mask, t.k
	switch {
	case t.below && t.not:
		return func(f *frame) bool { return f.slots[at&slotMask].n&mask >= k }
	case t.below:
		return func(f *frame) bool { return f.slots[at&slotMask].n&mask < k }
	case t.not:
		return func(f *frame) bool { return f.slots[at&slotMask].n&mask != k }
	}
	return func(f *frame) bool { return f.slots[at&slotMask].n&mask == k }
}

// branch is an if statement of the test; a branch that is nil goes on.
func (t *test) branch(yes, no statement) statement {
	if t.not {
		yes, no = no, yes
	}
	if t.below {
		return t.branchBelow(yes, no)
	}
	at, mask, k := t.at, t.mask, t.k
	switch {
	case no == nil:
		return func(f *frame) signal {
			if f.slots[at&slotMask].n&mask == k {
				return yes(f)
			}
			return goOn
		}
	case yes == nil:
		return func(f *frame) signal {
			if f.slots[at&slotMask].n&mask != k {
				return no(f)
			}
			return goOn
		}
	}
	return func(f *frame) signal {
		if f.slots[at&slotMask].n&mask == k {
			return yes(f)
		}
		return no(f)
	}
}

func (t *test) branchBelow(yes, no statement) statement {
	at, mask, k := t.at, t.mask, t.k
	switch {
	case no == nil:
		return func(f *frame) signal {
			if f.slots[at&slotMask].n&mask < k {
				return yes(f)
			}
			return goOn
		}
	case yes == nil:
		return func(f *frame) signal {
			if f.slots[at&slotMask].n&mask >= k {
				return no(f)
			}
			return goOn
		}
	}
	return func(f *frame) signal {
		if f.slots[at&slotMask].n&mask < k {
			return yes(f)
		}
		return no(f)
	}
}
