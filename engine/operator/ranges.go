package operator

import (
	"context"
	"fmt"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/spill"
)

// Keyed state can be divided among places: what each has folded or routed is cut into Ranges by the hash of the keys,
// the parts of one range are brought together by Groups of its own somewhere, and what those give as a run, in order, is
// merged with the other runs where the groups are to come out.

// Ranges is how many parts keys are divided into where other places hold their state. Each is a range of the Buckets.
const Ranges = 16

// RangeOf is the range that a bucket belongs to.
func RangeOf(bucket int) int { return bucket / (Buckets / Ranges) }

// A Cut writes records to other places, those of each range of the keys by themselves. It is used by one goroutine.
type Cut struct{ writers [Ranges]*groupWriter }

// NewCut makes a cut of records that these Groups route. put gets chunks for RouteChunk, of each range in the order of
// the records, and does not keep them.
func (g *Groups) NewCut(put func(part int, data []byte) error) *Cut {
	c := new(Cut)
	for i := range c.writers {
		c.writers[i] = g.writerTo(func(data []byte) error { return put(i, data) }, frameRecords)
	}
	return c
}

// writerTo is a writer whose chunks go to another place.
func (g *Groups) writerTo(put func(data []byte) error, kind frameKind) *groupWriter {
	m := Memory{Share: g.scratch.Share, ID: g.scratch.ID, Store: drainStore{put: put}, Compression: g.scratch.Compression}
	return newGroupWriter(newScratch(m), kind)
}

// Put writes records, of which nothing is needed any more then.
func (c *Cut) Put(r *Routed) error {
	for bucket := range Buckets {
		in, keys := r.bucket(bucket)
		if err := c.writers[RangeOf(bucket)].record(&in, &keys); err != nil {
			return err
		}
	}
	return nil
}

// Finish writes what is left.
func (c *Cut) Finish() error {
	for _, w := range c.writers {
		if _, err := w.finish(); err != nil {
			return err
		}
	}
	return nil
}

// Records is how many there are.
func (r *Routed) Records() int { return r.ends[Buckets-1] }

// RouteChunk divides the records of a chunk that a Cut gave in another place. It may be called concurrently. data may
// come from outside: what is not a chunk of records is chunk.ErrCorrupt. What is routed may be a view of it.
func (g *Groups) RouteChunk(data []byte, out *Routed) error {
	r := groupReader{kind: frameRecords}
	if err := r.decode(data); err != nil {
		return err
	}
	freeze(&r.values)
	out.loaded.loadCanonical(&r.keys, &r.originals)
	out.divide(&Keyed{Values: r.values, Ordinals: r.ords}, g.Depth)
	return nil
}

// decode reads a chunk of another place, in the memory of the last.
func (r *groupReader) decode(data []byte) error {
	if err := r.decodeBy(chunk.DecodeFrameInto, data); err != nil {
		return err
	}
	return r.check()
}

func (r *groupReader) decodeBy(decode func([]chunk.Ordinal, []byte, []*chunk.Column) ([]chunk.Ordinal, error), data []byte) (err error) {
	r.ords, err = decode(r.ords[:0], data, []*chunk.Column{&r.keys, &r.originals, &r.values})
	return err
}

// Sorted gives all groups with their states as chunks of a run, in the order of their first ordinals, to be loaded by
// LoadRun in another place. put does not keep what it gets. Like Emit, in whose place it is, it is called once, after
// everything was added, and returns the error of the first record that could not be folded.
func (g *Groups) Sorted(ctx context.Context, put func(data []byte) error) error {
	g.idle.release()
	if err := g.foldWaiting(); err != nil {
		return err
	}
	w := g.writerTo(put, frameStates)
	if g.spilled() {
		if err := g.writeSorted(ctx, w); err != nil {
			return err
		}
	} else {
		m := g.inMemory()
		defer m.close()
		if m.plain() {
			return m.sortedPlain(ctx, put)
		}
		if err := m.eachGroup(ctx, w.appendGroup); err != nil {
			return err
		}
	}
	_, err := w.finish()
	return err
}

// sortedPlain gives the groups of a run. Other goroutines make the chunks.
func (m *inMemory) sortedPlain(ctx context.Context, put func(data []byte) error) error {
	return inTurn(ctx, m.g.cores(), m.stretches(), m.chunks, func(made madeChunks) error {
		for _, data := range made.chunks {
			if err := put(data); err != nil {
				return err
			}
		}
		return made.err
	})
}

// madeChunks is chunks of a stretch, and what went wrong behind them.
type madeChunks struct {
	chunks [][]byte
	err    error
}

// chunks makes chunks of a stretch whose states are plain.
func (m *inMemory) chunks(number int) (made madeChunks) {
	s := m.gather(number)
	defer stretches.Put(s)
	s.values.Reset()
	for owner, groups := range s.byOwner() {
		m.buckets[owner].states(groups, &s.values)
	}
	for part := range slices.Chunk(s.inOrder(), frameRows) {
		keys, originals := s.canonicalKeys(part), chunk.Column{Kind: chunk.Null, N: len(part)}
		var values chunk.Column
		gatherColumn(&values, &s.values, part)
		columns := []*chunk.Column{&keys, &originals, &values}
		data, err := chunk.AppendFrame(nil, m.g.scratch.chunkID(0), columns, gather(nil, s.ords, part), m.g.scratch.Compression)
		if err != nil {
			made.err = err
			return made
		}
		made.chunks = append(made.chunks, data)
	}
	return made
}

// canonicalKeys is the keys of groups as chunks have them.
func (s *stretch) canonicalKeys(order []int32) chunk.Column {
	texts := make([]byte, 0, s.canonicalBytes())
	keys := chunk.Column{Kind: chunk.Bytes, N: len(order), Strings: make([]string, len(order))}
	for i, at := range order {
		start := len(texts)
		texts = s.keys[at].appendCanonical(texts, s.texts[at])
		keys.Strings[i] = view(texts[start:])
	}
	return keys
}

// LoadRun keeps a chunk of a run that Sorted gave, for Emit to merge. The chunks of each run come in their order, and no
// two runs have a key in common, nor one with what was added otherwise.
func (g *Groups) LoadRun(run int, data []byte) error {
	if run < 0 || run >= Ranges {
		return fmt.Errorf("%w: there is no run %d", chunk.ErrCorrupt, run)
	}
	f, err := g.scratch.putChunk(data)
	if err != nil {
		return err
	}
	g.runs[run] = append(g.runs[run], f)
	return nil
}

// unknownRows is the number of rows of a frame that was not looked at.
const unknownRows = -1

// putChunk keeps a chunk as it came.
func (s *scratch) putChunk(data []byte) (frame, error) {
	const grows = 4 // what compressed states may take in memory
	f := frame{id: s.next.Add(1), rows: unknownRows, kind: frameStates, bytes: grows * int64(len(data))}
	if err := s.fault(pointSpill); err != nil {
		return f, fmt.Errorf("spilling: %w", err)
	}
	if err := s.Store.Put(s.name(f.id), data); err != nil {
		return f, fmt.Errorf("spilling: %w", err)
	}
	return f, nil
}

// A drainStore is a store whose chunks go to a function.
type drainStore struct {
	spill.Store
	put func(data []byte) error
}

func (s drainStore) Put(_ string, data []byte) error { return s.put(data) }
