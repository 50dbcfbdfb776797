package engine

import (
	"cmp"
	"context"
	"encoding/binary"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/operator"
	"github.com/flowsh/flowsh/engine/value"
)

// Sessions are found when all records are there: sorted by key and time, a session of a key ends where the next
// record is as far away as the gap. Where the order of folding counts, the records are brought into that of the
// input again.
type sessions struct {
	group  *groupEnd
	sorter *operator.Sorter
	runs   []*operator.SortRun // by worker
	late   *operator.SortRun   // of records whose lateness was tested, in order
	routed operator.Routed
}

func newSessions(g *groupEnd) *sessions {
	s := &sessions{group: g, sorter: operator.NewSorter(operator.SorterConfig{Memory: g.memory("sessions")})}
	for range g.workers {
		s.runs = append(s.runs, s.sorter.NewRun())
	}
	s.late = s.sorter.NewRun()
	return s
}

// add takes the records of a unit. Late ones are told apart if the units come in order.
func (s *sessions) add(run *operator.SortRun, k *operator.Keyed, times *chunk.Column, u *unit) error {
	g := s.group
	var order, at, keys, values chunk.Column
	var ordinals []chunk.Ordinal
	var text, key []byte
	cutBy, err := g.windows.cutBy(&k.Keys)
	if err != nil {
		return err
	}
	instants, failed := g.windows.instants(times, k)
	err = g.windows.timely(k, instants, u.out.At, func(i int, t int64) (err error) {
		key = key[:0]
		if cutBy != nil {
			if key, _, err = value.AppendKey(key, cutBy.At(i)); err != nil {
				return &operator.RecordError{Ordinal: k.Ordinal(i), Err: err}
			}
		}
		text = binary.AppendUvarint(text[:0], uint64(len(key)))
		text = binary.BigEndian.AppendUint64(append(text, key...), uint64(t)^1<<63)
		order.AppendString(string(text))
		at.AppendInt(t)
		keys.AppendFrom(&k.Keys, i)
		if k.Values.N > 0 {
			values.AppendFrom(&k.Values, i)
		}
		ordinals = append(ordinals, k.Ordinal(i))
		return nil
	})
	g.ledger.copies.Add(int64(at.N - u.out.Len))
	if err = cmp.Or(err, failed); err != nil || at.N == 0 {
		return err
	}
	if k.Values.N == 0 {
		values = chunk.Column{Kind: chunk.Null, N: at.N}
	}
	return run.Add(&order, tupleOf(at, keys, values), ordinals)
}

// foldSessions cuts the sorted records into sessions and folds them.
func (g *groupEnd) foldSessions(ctx context.Context) error {
	s := g.sessions
	if s == nil {
		return nil
	}
	for _, run := range append(s.runs, s.late) {
		if err := run.Flush(); err != nil {
			return err
		}
	}
	fold := g.foldSession
	var again *operator.Sorter
	var run *operator.SortRun
	if !combines(g.op) || g.op.Kind == OpReduce {
		again = operator.NewSorter(operator.SorterConfig{Memory: g.memory("sessions/folded")})
		run = again.NewRun()
		fold = func(k *operator.Keyed) error {
			return run.Add(new(chunk.Column), tupleOf(k.Keys, k.Values), k.Ordinals)
		}
	}
	c := &sessionCutter{windower: g.windows}
	err := s.sorter.Emit(ctx, func(rows *chunk.Column, ordinals []chunk.Ordinal) error {
		k, err := c.cut(rows, ordinals)
		if err != nil {
			return err
		}
		return fold(k)
	})
	if err == nil && run != nil {
		err = run.Flush()
	}
	if err == nil && again != nil {
		err = again.Emit(ctx, func(rows *chunk.Column, ordinals []chunk.Ordinal) error {
			fields, err := fieldsOf(rows, 2)
			if err != nil {
				return err
			}
			return g.foldSession(&operator.Keyed{Keys: fields[0], Values: fields[1], Ordinals: ordinals})
		})
	}
	if err != nil {
		return g.located(g.groups.FirstError(err))
	}
	return nil
}

// foldSession folds records by session.
func (g *groupEnd) foldSession(k *operator.Keyed) error {
	g.stage.run.env.Moves.Add(1)
	r := &g.sessions.routed
	if err := g.groups.Route(k, r); err != nil {
		return err
	}
	for b := range operator.Buckets {
		if err := g.groups.Add(b, r); err != nil {
			return err
		}
	}
	g.ledger.folded.Add(int64(k.Keys.N))
	return nil
}

// A sessionCutter gives each record the start of its session. Records come by key, and by time in each.
type sessionCutter struct {
	*windower
	key         []byte // canonical, of the record before
	begun       bool
	start, last int64 // of the session that is open
	next        []byte
}

func (c *sessionCutter) cut(rows *chunk.Column, ordinals []chunk.Ordinal) (*operator.Keyed, error) {
	fields, err := fieldsOf(rows, 3)
	if err != nil {
		return nil, err
	}
	times, keys := fields[0].Ints, &fields[1]
	cutBy, err := c.cutBy(keys)
	if err != nil {
		return nil, err
	}
	starts := chunk.Column{Kind: chunk.Int}
	for i, t := range times {
		c.next = c.next[:0]
		if cutBy != nil {
			if c.next, _, err = value.AppendKey(c.next, cutBy.At(i)); err != nil {
				return nil, err
			}
		}
		if same := c.begun && string(c.next) == string(c.key); !same || t-c.last >= int64(c.Size) {
			c.start, c.begun = t, true
			c.key = append(c.key[:0], c.next...)
		}
		c.last = t
		starts.AppendInt(c.start)
	}
	k := &operator.Keyed{Keys: starts, Values: fields[2], Ordinals: ordinals}
	if c.keyed {
		k.Keys = *tupleOf(starts, *keys)
	}
	return k, nil
}
