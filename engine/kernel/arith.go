package kernel

import (
	"math"
	"math/bits"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// binary compiles an operator whose operands are both evaluated.
func (c *compiler) binary(op syntax.Token, x, y operand, line int32) operand {
	if op != syntax.EQL && op != syntax.NEQ {
		x, y = c.certain(x, line), c.certain(y, line)
	}
	if x.typ.kind == unknown || y.typ.kind == unknown {
		return never()
	}
	if comparison(op) {
		return c.compare(op, x, y, line)
	}
	switch a, b := x.typ.kind, y.typ.kind; {
	case a == integer && b == integer && op == syntax.SLASH:
		return c.floatOp(op, x, y, line)
	case a == integer && b == integer:
		if k, ok := foldedInts(op, x, y); ok {
			return c.constant(k)
		}
		if g := c.intOp(op, x, y, line); g != nil {
			return operand{typ: intType, int: g, form: intForm(op, x, y), vector: vectorOfInts(op, x, y)}
		}
	case (a == integer || a == float) && (b == integer || b == float):
		if r := c.floatOp(op, x, y, line); r.typ != nil {
			return r
		}
	case a == str && b == str && op == syntax.PLUS:
		return c.concat(x, y)
	case a == tuple && b == tuple && op == syntax.PLUS:
		return c.concatTuples(x, y)
	case a == str && op == syntax.PERCENT:
		return c.interpolate(x, y, line)
	}
	return c.boxedBinary(op, x, y, line)
}

func comparison(op syntax.Token) bool {
	switch op {
	case syntax.EQL, syntax.NEQ, syntax.LT, syntax.LE, syntax.GT, syntax.GE:
		return true
	}
	return false
}

// boxedBinary leaves an operator to the interpreter's own code.
func (c *compiler) boxedBinary(op syntax.Token, x, y operand, line int32) operand {
	a, b := c.box(x, line).value, c.box(y, line).value
	return operand{typ: anyType, value: func(f *frame) starlark.Value {
		u := a(f)
		v, err := starlark.Binary(op, u, b(f))
		if err != nil {
			f.bail(errorRaised, line)
		}
		f.count(max(starlark.Len(v), 0))
		return v
	}}
}

// interpolate is text % values.
func (c *compiler) interpolate(x, y operand, line int32) operand {
	if r := c.percent(x, y, line); r.typ != nil {
		return r
	}
	c.transient++
	a, b := x.text, c.box(y, line).value
	c.transient--
	return operand{typ: strType, text: func(f *frame) string {
		s := a(f)
		v, err := starlark.Binary(syntax.PERCENT, starlark.String(s), b(f))
		if err != nil {
			f.bail(errorRaised, line)
		}
		text := string(v.(starlark.String))
		f.count(len(text))
		return text
	}}
}

// concat is x + y. Three texts are put together at once.
func (c *compiler) concat(x, y operand) operand {
	a, b := x.text, y.text
	if x.sum != nil {
		first, second := x.sum[0], x.sum[1]
		return operand{typ: strType, text: func(f *frame) string {
			s := first(f)
			t := second(f)
			return f.concatThree(s, t, b(f))
		}}
	}
	return operand{typ: strType, sum: &[2]func(*frame) string{a, b}, text: func(f *frame) string {
		s := a(f)
		return f.concat(s, b(f))
	}}
}

func (c *compiler) concatTuples(x, y operand) operand {
	if x.typ.width+y.typ.width > maxWidth {
		refuse(c.line, "makes a wide tuple")
	}
	first, a := c.hold(x)
	second, b := c.hold(y)
	var elems []operand
	for i := range x.typ.elems {
		elems = append(elems, a.element(i))
	}
	for i := range y.typ.elems {
		elems = append(elems, b.element(i))
	}
	return after(sequenceOf([]code{some(first), some(second)}), c.tupleOf(elems))
}

// constantInt is the number that an operand always is.
func (o *operand) constantInt() (int64, bool) {
	if i, ok := o.constant.(starlark.Int); ok {
		return i.Int64()
	}
	return 0, false
}

// intOp is an operator on ints; nil: it is not one of these. Overflow gives the record up.
func (c *compiler) intOp(op syntax.Token, x, y operand, line int32) func(*frame) int64 {
	if k, ok := y.constantInt(); ok {
		if g := intOpConstant(op, x, k, line); g != nil {
			return g
		}
	}
	a, b := x.int, y.int
	switch op {
	case syntax.PLUS:
		return func(f *frame) int64 { u := a(f); return addInts(f, u, b(f), line) }
	case syntax.MINUS:
		return func(f *frame) int64 { u := a(f); return subtractInts(f, u, b(f), line) }
	case syntax.STAR:
		if k, ok := x.constantInt(); ok {
			return timesConstant(y, k, line)
		}
		return func(f *frame) int64 { u := a(f); return multiplyInts(f, u, b(f), line) }
	case syntax.SLASHSLASH:
		return func(f *frame) int64 { u := a(f); return divideInts(f, u, b(f), line) }
	case syntax.PERCENT:
		return func(f *frame) int64 { u := a(f); return moduloInts(f, u, b(f), line) }
	case syntax.AMP:
		return func(f *frame) int64 { u := a(f); return u & b(f) }
	case syntax.PIPE:
		return func(f *frame) int64 { u := a(f); return u | b(f) }
	case syntax.CIRCUMFLEX:
		return func(f *frame) int64 { u := a(f); return u ^ b(f) }
	case syntax.LTLT:
		return func(f *frame) int64 { u := a(f); return shiftLeft(f, u, b(f), line) }
	case syntax.GTGT:
		return func(f *frame) int64 { u := a(f); return shiftRight(f, u, b(f), line) }
	}
	return nil
}

// intForm is the form of an operator on a variable and a number; nil if it has none.
func intForm(op syntax.Token, x, y operand) *form {
	k, ok := y.constantInt()
	if !ok && (op == syntax.PLUS || op == syntax.STAR) {
		k, ok = x.constantInt()
		x = y
	}
	if ok {
		if r, ok := formed(op, x, k); ok {
			return &r
		}
	}
	return nil
}

// intOpConstant is an operator with a constant on the right, and perhaps a variable on the left.
func intOpConstant(op syntax.Token, x operand, k int64, line int32) func(*frame) int64 {
	a, at := x.int, x.at
	switch {
	case op == syntax.PLUS && x.held:
		return func(f *frame) int64 { return addInts(f, f.slots[at&slotMask].n, k, line) }
	case op == syntax.PLUS:
		return func(f *frame) int64 { return addInts(f, a(f), k, line) }
	case op == syntax.MINUS && k != math.MinInt64:
		return intOpConstant(syntax.PLUS, x, -k, line)
	case op == syntax.STAR:
		return timesConstant(x, k, line)
	case op == syntax.PERCENT && k > 0 && k&(k-1) == 0:
		mask := k - 1
		if x.held {
			return func(f *frame) int64 { return f.slots[at&slotMask].n & mask }
		}
		return func(f *frame) int64 { return a(f) & mask }
	case op == syntax.SLASHSLASH && k > 0 && k&(k-1) == 0:
		shift := bits.TrailingZeros64(uint64(k)) & 63
		if x.held {
			return func(f *frame) int64 { return f.slots[at&slotMask].n >> (shift & 63) }
		}
		return func(f *frame) int64 { return a(f) >> (shift & 63) }
	case op == syntax.PERCENT && k > 0:
		return func(f *frame) int64 {
			r := a(f) % k
			if r < 0 {
				r += k
			}
			return r
		}
	}
	return nil
}

func timesConstant(x operand, k int64, line int32) func(*frame) int64 {
	a, at := x.int, x.at
	if k <= 0 || k > math.MaxInt32 {
		return func(f *frame) int64 { return multiplyInts(f, a(f), k, line) }
	}
	most := math.MaxInt64 / k
	if x.held {
		return func(f *frame) int64 {
			n := f.slots[at&slotMask].n
			if n > most || n < -most {
				f.bail(overflow, line)
			}
			return n * k
		}
	}
	return func(f *frame) int64 {
		n := a(f)
		if n > most || n < -most {
			f.bail(overflow, line)
		}
		return n * k
	}
}

func addInts(f *frame, a, b int64, line int32) int64 {
	r, ok := sum(a, b)
	if !ok {
		f.bail(overflow, line)
	}
	return r
}

func subtractInts(f *frame, a, b int64, line int32) int64 {
	r, ok := difference(a, b)
	if !ok {
		f.bail(overflow, line)
	}
	return r
}

func multiplyInts(f *frame, a, b int64, line int32) int64 {
	r, ok := product(a, b)
	if !ok {
		f.bail(overflow, line)
	}
	return r
}

// exactInts are operators on ints that say whether an int64 holds the result.
var exactInts = map[syntax.Token]func(a, b int64) (int64, bool){
	syntax.PLUS: sum, syntax.MINUS: difference, syntax.STAR: product,
}

func sum(a, b int64) (r int64, ok bool) {
	r = a + b
	return r, (a^r)&(b^r) >= 0
}

func difference(a, b int64) (r int64, ok bool) {
	r = a - b
	return r, (a^b)&(a^r) >= 0
}

func product(a, b int64) (r int64, ok bool) {
	if int64(int32(a)) == a && int64(int32(b)) == b {
		return a * b, true
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	// The high word of the signed product; it must be the sign of the low one.
	if a < 0 {
		hi -= uint64(b)
	}
	if b < 0 {
		hi -= uint64(a)
	}
	return int64(lo), hi == uint64(int64(lo)>>63)
}

// divideInts rounds down.
func divideInts(f *frame, a, b int64, line int32) int64 {
	switch {
	case b == 0:
		f.bail(zeroDivision, line)
	case b == -1 && a == math.MinInt64:
		f.bail(overflow, line)
	}
	q := a / b
	if (a < 0) != (b < 0) && q*b != a {
		q--
	}
	return q
}

// moduloInts has the sign of b.
func moduloInts(f *frame, a, b int64, line int32) int64 {
	switch b {
	case 0:
		f.bail(zeroDivision, line)
	case -1:
		return 0
	}
	r := a % b
	if r != 0 && (r < 0) != (b < 0) {
		r += b
	}
	return r
}

func shiftLeft(f *frame, a, b int64, line int32) int64 {
	if b < 0 || b > 62 || a<<b>>b != a {
		f.bail(overflow, line)
	}
	return a << b
}

func shiftRight(f *frame, a, b int64, line int32) int64 {
	if b < 0 || b > math.MaxInt32 {
		f.bail(outOfRange, line)
	}
	return a >> min(b, 63)
}

// floatOp is an operator on numbers of which one is a float, or a division; its type is nil if it is not one of
// these. The conversions keep the compiler from fusing operations, which would round differently.
func (c *compiler) floatOp(op syntax.Token, x, y operand, line int32) operand {
	a, b := c.floats(x, line), c.floats(y, line)
	r := operand{typ: floatType, vector: vectorOfFloats(op, x, y)}
	divisor := func(f *frame) float64 {
		v := b(f)
		if v == 0 {
			f.bail(zeroDivision, line)
		}
		return v
	}
	switch op {
	case syntax.PLUS:
		r.float = func(f *frame) float64 { u := a(f); return float64(u + b(f)) }
	case syntax.MINUS:
		r.float = func(f *frame) float64 { u := a(f); return float64(u - b(f)) }
	case syntax.STAR:
		r.float = func(f *frame) float64 { u := a(f); return float64(u * b(f)) }
	case syntax.SLASH:
		r.float = func(f *frame) float64 { u := a(f); return float64(u / divisor(f)) }
	case syntax.SLASHSLASH:
		r.float = func(f *frame) float64 { u := a(f); return math.Floor(u / divisor(f)) }
	case syntax.PERCENT:
		r.float = func(f *frame) float64 {
			u := a(f)
			return float64(starlark.Float(u).Mod(starlark.Float(divisor(f))))
		}
	default:
		return operand{}
	}
	return r
}

// foldedInts is the sum or difference of two constants that are small.
func foldedInts(op syntax.Token, x, y operand) (starlark.Value, bool) {
	const most = 1 << 31
	u, ok := x.constantInt()
	if !ok || u > most || u < -most {
		return nil, false
	}
	v, ok := y.constantInt()
	if !ok || v > most || v < -most {
		return nil, false
	}
	switch op {
	case syntax.PLUS:
		return starlark.MakeInt64(u + v), true
	case syntax.MINUS:
		return starlark.MakeInt64(u - v), true
	}
	return nil, false
}
