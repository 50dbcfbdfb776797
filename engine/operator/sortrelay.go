package operator

import (
	"context"
	"fmt"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A sort can be divided among places: each sorts some of the records, and what comes of that, a sorted run, is merged with
// the runs of other places where the records are to come out.

// A SortNote is what a merge has to know of a chunk of a sorted run before it reads it.
type SortNote struct {
	Rows  int           `json:"rows"`
	Bytes int64         `json:"bytes"`           // what the records take in memory, and their keys
	Texts bool          `json:"texts,omitempty"` // there are none beside the keys, whose texts they are, and no ordinals
	First chunk.Ordinal `json:"first"`           // of the first record
	Key   []byte        `json:"key,omitempty"`
	Noted bool          `json:"noted,omitempty"` // Key is that of the first record; otherwise that is too long
}

// Sorted gives the records in order, as chunks of a run for the LoadRun of another Sorter of the same order. put does not
// keep what it gets. Like Emit, in whose place it is, it is called once, after every SortRun was flushed, and leaves
// nothing in the store unless it fails. The errors are those of put, of ctx, and of reading what was spilled.
func (s *Sorter) Sorted(ctx context.Context, put func(note SortNote, data []byte) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := new(sortWriter)
	m := s.scratch.Memory
	m.Store = drainStore{put: func(data []byte) error {
		w.frames = w.frames[:0]
		if err := ctx.Err(); err != nil {
			return err
		}
		return put(w.note(), data)
	}}
	w.scratch = newScratch(m)
	if s.inMemory() {
		if err := s.ranges(s.goroutines()).each(ctx, s.goroutines(), s.Limit, w.appendRecord); err != nil {
			return err
		}
		if err := w.flush(); err != nil {
			return err
		}
		s.releaseSegments()
		return nil
	}
	return s.mergeAll(ctx, w.append, w.flush)
}

// note says what there is to know of the frame that is open.
func (w *sortWriter) note() SortNote {
	key, noted := w.lead()
	n := SortNote{Rows: w.rows, Bytes: w.bytes, Texts: w.kind == frameTexts, Key: []byte(key), Noted: noted}
	if !n.Texts {
		n.First = w.ords[0]
	}
	return n
}

// LoadRun keeps a chunk of a run that Sorted gave, for Emit to merge. The chunks of a run come in their order, one run after
// another, each with another number than the last. It may be called while SortRuns take records, by one goroutine. note and
// data may come from outside: what is not a chunk of a run, as its note says, is chunk.ErrCorrupt, here or in Emit.
func (s *Sorter) LoadRun(run int, note SortNote, data []byte) error {
	if note.Rows < 1 || len(note.Key) > mostNoted {
		return fmt.Errorf("%w: a chunk of a run has %d records", chunk.ErrCorrupt, note.Rows)
	}
	f, err := s.scratch.putChunk(data)
	if err != nil {
		return err
	}
	f.kind, f.rows, f.bytes = frameRecords, note.Rows, max(note.Bytes, int64(len(data)))
	if note.Texts {
		f.kind = frameTexts
	}
	f.first, f.key, f.noted = note.First, string(note.Key), note.Noted
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := len(s.loaded) - 1; last >= 0 && s.loading == run {
		s.loaded[last] = append(s.loaded[last], f)
		return nil
	}
	s.loaded, s.loading = append(s.loaded, []frame{f}), run
	return nil
}
