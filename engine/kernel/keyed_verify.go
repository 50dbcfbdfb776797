package kernel

import (
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// compareDeltas compares what records add to their keys. The kernel gives a row for each change of a key, the
// interpreter one for each key.
func (v *verifier) compareDeltas(fast, reference *Output) *MismatchError {
	d := v.chain.Delta
	for i, j := 0, 0; i < fast.Len || j < reference.Len; {
		at := uint32(0)
		switch {
		case i == fast.Len:
			at = reference.RelativeAt(j)
		case j == reference.Len:
			at = fast.RelativeAt(i)
		default:
			at = min(fast.RelativeAt(i), reference.RelativeAt(j))
		}
		var x, y *starlark.Dict
		x, i = d.gather(fast, i, at)
		y, j = d.gather(reference, j, at)
		if !identical(x, y) {
			return &MismatchError{
				What: "what a record adds", Kernel: value.Cut(x, 200), Reference: value.Cut(y, 200),
				Position: fast.Base + uint64(at), ofRecord: true,
			}
		}
	}
	return nil
}

// gather adds up the rows of the record at a position from row i on. It returns the next row.
func (d *Delta) gather(out *Output, i int, at uint32) (*starlark.Dict, int) {
	columns := out.Columns[len(out.Columns)-d.width():]
	all := starlark.NewDict(0)
	for ; i < out.Len && out.RelativeAt(i) == at; i++ {
		key := columns[0].At(i)
		if len(out.Lanes) > 0 {
			key = starlark.Tuple{starlark.MakeInt(int(out.Lanes[i])), key}
		}
		parts := make(starlark.Tuple, len(d.Parts))
		old, found, _ := all.Get(key) // it is hashable: it was a key
		for k, p := range d.Parts {
			parts[k] = columns[k+1].At(i)
			if found {
				parts[k] = p.join(old.(starlark.Tuple)[k], parts[k])
			}
		}
		_ = all.SetKey(key, parts) // so it is now
	}
	return all, i
}

// join puts two ints of a part together.
func (p *Part) join(a, b starlark.Value) starlark.Value {
	switch p.Kind {
	case PartLeast, PartMost:
		op := syntax.LT
		if p.Kind == PartMost {
			op = syntax.GT
		}
		if better, err := starlark.Compare(op, b, a); err == nil && better {
			return b
		}
		return a
	}
	sum, err := starlark.Binary(syntax.PLUS, a, b)
	if err != nil {
		return starlark.String(err.Error())
	}
	return sum
}
