package engine

import (
	"encoding/binary"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/value"
)

// A sort of which only the first records are wanted compares the keys of most records in no more than 8 bytes: those
// that cannot come out are left out before a key is made of them.

// boundRows is how many records are added at a time: the bound gets closer with each time.
const boundRows = 4 << 10

// comparesEarly says that keys can be compared by the first bytes of numbers, and that all of them have an order.
func comparesEarly(keys *chunk.Column) bool {
	fields := keys.Fields
	if keys.Kind != chunk.Tuple {
		fields = []chunk.Column{*keys}
	}
	for i := range fields {
		switch fields[i].Kind {
		case chunk.Int, chunk.Float:
		case chunk.Bool:
			if i == 0 {
				return false
			}
		default:
			return false
		}
	}
	return len(fields) > 0
}

// addFirst adds a unit's records to a sort of which only the first ones come out.
func (e *sortEnd) addFirst(w *sortWorker, keys *chunk.Column, u *unit) error {
	u.ready = classesOf(keys, u)
	for lo := 0; lo < keys.N; lo += boundRows {
		hi := min(lo+boundRows, keys.N)
		w.rows = w.rows[:0]
		if bound, full := w.run.Bound(); full {
			w.rows = enters(w.rows, keys, lo, hi, bound, e.op.Reverse)
		} else {
			for i := lo; i < hi; i++ {
				w.rows = append(w.rows, int32(i))
			}
		}
		if len(w.rows) == 0 {
			continue
		}
		w.encode(keys)
		w.ordinals = ordinalsOf(w.ordinals[:0], u.out, w.rows)
		if err := w.run.AddRows(&w.keys, &u.out.Column, w.rows, w.ordinals); err != nil {
			return err
		}
	}
	return nil
}

// encode makes the order keys of the worker's rows.
func (w *sortWorker) encode(keys *chunk.Column) {
	w.arena.begin(len(w.rows))
	for _, i := range w.rows {
		w.arena.bytes = appendPlainKey(w.arena.bytes, keys, int(i))
		w.arena.end()
	}
	w.keys.Reset()
	w.arena.views(&w.keys)
}

// enters appends those of rows lo to hi whose keys may come before the bound, the last key that is held.
func enters(rows []int32, keys *chunk.Column, lo, hi int, bound string, reverse bool) []int32 {
	lead := keys
	if keys.Kind == chunk.Tuple {
		lead, bound = &keys.Fields[0], bound[1:]
	}
	var room [8]byte
	copy(room[:], bound)
	last := binary.BigEndian.Uint64(room[:])
	// What is not exact goes on as if it came first.
	if lead.Kind == chunk.Int {
		for i, n := range lead.Ints[lo:hi] {
			if p, exact := value.OrderPrefixInt(n); p == last || (p < last) != reverse || reverse && !exact {
				rows = append(rows, int32(lo+i))
			}
		}
		return rows
	}
	for i, x := range lead.Floats[lo:hi] {
		if p, exact := value.OrderPrefixFloat(x); p == last || (p < last) != reverse || reverse && !exact {
			rows = append(rows, int32(lo+i))
		}
	}
	return rows
}

// ordinalsOf appends the ordinals of rows, which ascend.
func ordinalsOf(dst []chunk.Ordinal, out *kernel.Output, rows []int32) []chunk.Ordinal {
	sibling, before := uint32(0), int32(-1)
	for _, row := range rows {
		i := int(row)
		at := out.RelativeAt(i)
		if before >= 0 && out.RelativeAt(int(before)) == at {
			sibling += uint32(row - before)
		} else {
			first := i
			for first > 0 && out.RelativeAt(first-1) == at {
				first--
			}
			sibling = uint32(i - first)
		}
		before = row
		o := chunk.Ordinal{Position: out.Base + uint64(at), Sibling: sibling}
		if len(out.Lanes) > 0 {
			o.Lane = out.Lanes[i]
		}
		dst = append(dst, o)
	}
	return dst
}
