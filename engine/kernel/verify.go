package kernel

import (
	"fmt"
	"slices"
	"strings"

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
	Functions         string // that the record went through
	What              string // they disagree on: record, column, error, ...
	Record            string // of the input; "" if the difference is no single record's
	Kernel, Reference string // what each of them gave
	Position          uint64 // of the record in its source

	ofRecord bool // Position is known
}

func (e *MismatchError) Error() string {
	text := fmt.Sprintf("--kernels=verify: %s: %s: the kernel gives %s, the interpreter %s", e.Functions, e.What, e.Kernel, e.Reference)
	if e.Record != "" {
		text += fmt.Sprintf(", for the record at position %d: %s", e.Position, e.Record)
	}
	return text + "; this is a bug of flowsh: run the job with --kernels=off, and report it"
}

func (v *verifier) Run(in *chunk.Batch, out *Output) error {
	err := v.fast.Run(in, out)
	second := v.reference.Run(in, &v.second)
	diff := v.errors(err, second)
	if diff == nil {
		diff = v.compare(out, &v.second)
	}
	if diff == nil {
		return err
	}
	diff.Functions = v.chain.names()
	for i := range in.N {
		if diff.ofRecord && in.Base+uint64(in.RelativeAt(i)) == diff.Position {
			diff.Record = value.Cut(in.At(i), maxRecordText)
			break
		}
	}
	return diff
}

// names is the functions of the chain, for messages.
func (c *Chain) names() string {
	var all []string
	for _, s := range slices.Concat(c.Steps, c.Columns) {
		all = append(all, strings.TrimSpace(s.At+" "+s.Name))
	}
	return strings.Join(all, ", ")
}

func (v *verifier) errors(fast, reference error) *MismatchError {
	if bug, ok := fast.(*MismatchError); ok {
		return bug
	}
	if text(fast) == text(reference) {
		return nil
	}
	return &MismatchError{What: "error", Kernel: text(fast), Reference: text(reference)}
}

func text(err error) string {
	if err == nil {
		return "no error"
	}
	return err.Error()
}

// compare compares all that a batch became: what comes first is what tells most about a difference.
func (v *verifier) compare(fast, reference *Output) *MismatchError {
	if !v.chain.Discard {
		if diff := fast.differs("record", &fast.Column, &reference.Column); diff != nil {
			return diff
		}
	}
	if fast.keyed {
		if diff := v.compareDeltas(fast, reference); diff != nil {
			return diff
		}
	}
	for i := range fast.Columns[:v.compared(fast)] {
		if diff := fast.differs("column "+fmt.Sprint(i), &fast.Columns[i], &reference.Columns[i]); diff != nil {
			return diff
		}
	}
	differ := func(what string, a, b any) *MismatchError {
		return &MismatchError{What: what, Kernel: fmt.Sprint(a), Reference: fmt.Sprint(b)}
	}
	switch {
	case fast.Records() != reference.Records():
		return differ("number of records", fast.Records(), reference.Records())
	case !slices.Equal(letters(fast), letters(reference)):
		return differ("failed records", letters(fast), letters(reference))
	case !slices.Equal(fast.Prints, reference.Prints):
		return differ("prints", fast.Prints, reference.Prints)
	case !slices.Equal(fast.Places, reference.Places):
		return differ("places of failed records and prints", fast.Places, reference.Places)
	case !slices.Equal(fast.Counts, reference.Counts):
		return differ("counts", fast.Counts, reference.Counts)
	case fast.keyed: // its rows were compared
	case !slices.Equal(fast.Lanes, reference.Lanes):
		return differ("lanes", fast.Lanes, reference.Lanes)
	case !slices.Equal(positions(fast), positions(reference)):
		return differ("positions", positions(fast), positions(reference))
	}
	return nil
}

// compared is how many columns are compared row by row.
func (v *verifier) compared(o *Output) int {
	if o.keyed {
		return 0
	}
	return len(o.Columns)
}

func letters(o *Output) (all []string) {
	for _, d := range o.Dead {
		all = append(all, fmt.Sprint(d.Step, " ", value.Cut(d.Record, maxRecordText), " ", d.Error))
	}
	return all
}

func positions(o *Output) []uint32 {
	all := make([]uint32, o.Len)
	for i := range all {
		all[i] = o.RelativeAt(i)
	}
	return all
}

// differs compares two columns by what their values look like, which tells 1 from 1.0 and 0.0 from -0.0.
func (o *Output) differs(what string, a, b *chunk.Column) *MismatchError {
	for i := range min(a.N, b.N) {
		x, y := a.At(i), b.At(i)
		if !identical(x, y) {
			return &MismatchError{
				What: what, Kernel: value.Cut(x, 200), Reference: value.Cut(y, 200),
				Position: o.Base + uint64(o.RelativeAt(i)), ofRecord: true,
			}
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
