package engine

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"go.starlark.net/starlark"
)

// A pairOrigin says of records that a join hands on where their sides were read, so that a message shows the whole of a
// record of which functions got but some members.
type pairOrigin struct {
	join     *joinEnd
	base     uint64
	left     []uint32 // positions relative to base; nil: there are no left records
	right    []int32  // numbers of the right records, -1 for None; nil: there are none that could be asked for
	combined *chunk.Column
}

// originOf is the origin of records that were made of a unit, nil if all of both sides is in them. left and right are
// the numbers of their records.
func (e *joinEnd) originOf(u *unit, side *joinSide, records *chunk.Column, left, right []int32) *pairOrigin {
	if e.members == nil && e.right.members == nil {
		return nil
	}
	o := &pairOrigin{join: e, base: u.out.Base, combined: records, left: make([]uint32, len(left))}
	for i, l := range left {
		o.left[i] = u.out.RelativeAt(side.record(int(l)))
	}
	o.right = append(o.right, right...)
	return o
}

// whole is pair i with all members, as far as they can be read again.
func (o *pairOrigin) whole(i int) starlark.Value {
	t, ok := o.combined.At(i).(starlark.Tuple)
	if !ok || len(t) != 2 {
		return o.combined.At(i)
	}
	if o.join.members != nil && o.left != nil {
		if v := o.join.stage.reread(o.base + uint64(o.left[i])); v != nil {
			t[0] = v
		}
	}
	if places := o.join.right.places; places != nil && i < len(o.right) && o.right[i] >= 0 {
		if v := o.join.right.stage.reread(places[o.right[i]]); v != nil {
			t[1] = v
		}
	}
	return t
}
