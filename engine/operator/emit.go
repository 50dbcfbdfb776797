package operator

import (
	"context"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// emitRows bounds the runs in which results come out.
const emitRows = 4096

// Emit gives the groups in the order of their first ordinals: keys, results as values, and those ordinals if they
// are wanted, in runs of at most 4096. out owns what it gets and is called by one goroutine. Emit returns its error, that of ctx,
// or that of an aggregate's Results, for the first such group in that order. It is called once, after everything
// was added, and leaves nothing in the store unless it fails.
func (g *Groups) Emit(ctx context.Context, out func(*Keyed) error) error {
	g.idle.release()
	if err := g.foldWaiting(); err != nil {
		return err
	}
	if g.spilled() {
		return g.emitSpilled(ctx, out)
	}
	m := g.inMemory()
	defer m.close()
	if m.plain() {
		return m.emitPlain(ctx, out)
	}
	e := g.newEmitter(ctx, out)
	if err := m.eachGroup(ctx, e.appendGroup); err != nil {
		return err
	}
	return e.flush()
}

// An emitter gathers results, group by group, into runs.
type emitter struct {
	ctx   context.Context
	out   func(*Keyed) error
	limit int64 // of bytes in a run
	keyed *Keyed
	keys  rows // only its arena: texts of keys
	spare spareAggregate
	bytes int64
	// The next run is likely to be as long as the last: so many groups, and keys that are texts.
	rows, texts int
}

// leastRun is how many groups there is room for in a run to begin with.
const leastRun = 256

// bytesOfRun bounds runs of results, which are copies of what the state holds.
func (g *Groups) bytesOfRun() int64 { return g.scratch.Share / 16 }

func (g *Groups) newEmitter(ctx context.Context, out func(*Keyed) error) *emitter {
	return &emitter{ctx: ctx, out: out, limit: g.bytesOfRun(), spare: spareAggregate{of: g}}
}

func (e *emitter) begin() {
	if e.keyed == nil {
		e.keyed = &Keyed{Ordinals: make([]chunk.Ordinal, 0, max(leastRun, e.rows))}
		e.keyed.Keys.Strings = make([]string, 0, e.texts)
		e.keys.reset()
	}
}

// appendKey adds the key of a group.
func (e *emitter) appendKey(text string, size uint64, original starlark.Value, first chunk.Ordinal) error {
	e.keyed.Ordinals = append(e.keyed.Ordinals, first)
	e.bytes += int64(len(text)) + 32
	if original != nil && original != starlark.None {
		e.keyed.Keys.Append(original)
		return nil
	}
	return appendText(&e.keyed.Keys, text, size)
}

// appendGroup adds a group of a bucket with its result, and ends the run if it is long enough.
func (e *emitter) appendGroup(b *bucket, group int32) error {
	e.begin()
	values := &e.keyed.Values
	if err := b.results([]int32{group}, values, &e.spare); err != nil {
		return err
	}
	entry, text, first := b.group(group)
	if entry.short() {
		var buf [inline]byte
		text = view(entry.appendText(buf[:0]))
	}
	if err := e.appendKey(e.keys.copy(text), entry.size, b.original(group), first); err != nil {
		return err
	}
	if values.Kind == chunk.Any {
		e.bytes += value.Size(values.Values[values.N-1])
	}
	if len(e.keyed.Ordinals) < emitRows && e.bytes < e.limit {
		return nil
	}
	return e.flush()
}

func (e *emitter) flush() error {
	if e.keyed == nil {
		return nil
	}
	if err := e.ctx.Err(); err != nil {
		return err
	}
	keyed := e.keyed
	e.keyed, e.bytes = nil, 0
	e.rows, e.texts = len(keyed.Ordinals), len(keyed.Keys.Strings)
	return e.out(keyed)
}
