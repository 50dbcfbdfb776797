package operator

import (
	"errors"

	"github.com/axiomhq/hyperloglog"
	"github.com/cespare/xxhash/v2"
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// NewDistinct gives about how many different values each group has: exact for a few, with a standard error of
// 0.8 % for many. Values are equal as keys are. Records and states may come in any order.
//
// Fold returns a *RecordError for a value that cannot be a key.
func NewDistinct() Aggregate { return new(distinctAggregate) }

type distinctAggregate struct {
	groups []distinct
	held   int64
	key    []byte
}

// distinct is the sketch of a group. Its encoding grows with the values up to a fixed size, and is measured when
// their number has doubled.
type distinct struct {
	sketch  *hyperloglog.Sketch
	added   int64
	measure int64
	bytes   int64
}

func (a *distinctAggregate) Fold(groups []int32, in *Keyed) (err error) {
	for i, g := range groups {
		d := a.group(g)
		if a.key, _, err = value.AppendKey(a.key[:0], in.Values.At(i)); err != nil {
			return &RecordError{Ordinal: in.Ordinal(i), Err: err}
		}
		d.sketch.InsertHash(xxhash.Sum64(a.key))
		if d.added++; d.added >= d.measure {
			a.measure(d)
		}
	}
	return nil
}

func (a *distinctAggregate) group(g int32) *distinct {
	if int(g) == len(a.groups) {
		a.groups = append(a.groups, distinct{sketch: hyperloglog.New14()})
	}
	return &a.groups[g]
}

func (a *distinctAggregate) measure(d *distinct) {
	const fixed, loose = 256, 8 // a hash that is not yet packed takes twice what it does encoded
	text, err := d.sketch.MarshalBinary()
	if err != nil {
		return // only a sketch that was never made has no encoding
	}
	bytes := fixed + int64(len(text)) + loose*min(d.added, 256)
	a.held += bytes - d.bytes
	d.bytes, d.measure = bytes, 2*d.added
}

func (a *distinctAggregate) States(groups []int32, out *chunk.Column) {
	for _, g := range groups {
		text, err := a.groups[g].sketch.MarshalBinary()
		if err != nil {
			text = nil // Merge says that it is no state
		}
		out.Append(starlark.Bytes(text))
	}
}

func (a *distinctAggregate) Merge(groups []int32, in *Keyed) error {
	for i, g := range groups {
		text, ok := in.Values.At(i).(starlark.Bytes)
		if !ok {
			return errState("approx_distinct")
		}
		other := new(hyperloglog.Sketch)
		if err := other.UnmarshalBinary([]byte(text)); err != nil {
			return errors.Join(errState("approx_distinct"), err)
		}
		d := a.group(g)
		if err := d.sketch.Merge(other); err != nil {
			return errors.Join(errState("approx_distinct"), err)
		}
		d.added++
		a.measure(d)
	}
	return nil
}

func (a *distinctAggregate) Results(groups []int32, out *chunk.Column) error {
	for _, g := range groups {
		out.AppendInt(int64(a.groups[g].sketch.Estimate()))
	}
	return nil
}

func (a *distinctAggregate) Size() int64 { return int64(32*cap(a.groups)) + a.held }

func (a *distinctAggregate) Reset() {
	clear(a.groups)
	a.groups, a.held = a.groups[:0], 0
}
