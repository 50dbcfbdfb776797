package kernel

import (
	"fmt"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// A verifier runs every batch on two runners and fails where they differ.
type verifier struct {
	chain           *Chain
	fast, reference Runner
	second          Output
}

// A MismatchError says that a kernel and the interpreter disagree on a record: a bug of flowsh.
type MismatchError struct {
	What              string
	Record            string
	Kernel, Reference string
	Position          uint64
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("--kernels=verify: %s: the kernel gives %s, the interpreter %s, for the record at position %d: %s",
		e.What, e.Kernel, e.Reference, e.Position, e.Record)
}

func (v *verifier) Run(in *chunk.Batch, out *Output) error {
	err := v.fast.Run(in, out)
	second := v.reference.Run(in, &v.second)
	if text(err) != text(second) {
		return &MismatchError{What: "error", Kernel: text(err), Reference: text(second)}
	}
	if diff := v.compare(in, out); diff != nil {
		return diff
	}
	return err
}

func text(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

func (v *verifier) compare(in *chunk.Batch, out *Output) error {
	if out.Len != v.second.Len || len(out.Dead) != len(v.second.Dead) || len(out.Prints) != len(v.second.Prints) {
		return &MismatchError{What: "records", Kernel: fmt.Sprint(out.Len), Reference: fmt.Sprint(v.second.Len), Position: in.Base}
	}
	if !v.chain.Discard {
		if err := same("record", in, &out.Column, &v.second.Column, out); err != nil {
			return err
		}
	}
	for i := range out.Columns {
		if err := same("column", in, &out.Columns[i], &v.second.Columns[i], out); err != nil {
			return err
		}
	}
	return nil
}

// same compares two columns by what their values look like, which tells 1 from 1.0 and 0.0 from -0.0.
func same(what string, in *chunk.Batch, a, b *chunk.Column, out *Output) error {
	for i := range a.N {
		x, y := a.At(i), b.At(i)
		if identical(x, y) {
			continue
		}
		return &MismatchError{
			What: what, Kernel: value.Cut(x, 200), Reference: value.Cut(y, 200),
			Position: out.Base + uint64(out.RelativeAt(i)), Record: value.Cut(x, maxRecordText),
		}
	}
	return nil
}

func identical(x, y starlark.Value) bool {
	if x.Type() != y.Type() {
		return false
	}
	if s, ok := x.(starlark.String); ok {
		return s == y.(starlark.String)
	}
	return value.Cut(x, 1<<20) == value.Cut(y, 1<<20)
}
