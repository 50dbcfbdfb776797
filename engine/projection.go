package engine

import (
	"context"
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/kernel"
	"go.starlark.net/starlark"
)

// decoder makes a worker's decoder. Where functions read but some members of the records, it gives only those.
func (s *stageRun) decoder() connector.Decoder {
	paths, ok := s.projection()
	if !ok {
		if d, ok := s.documents(); ok {
			return d
		}
		return s.source.NewDecoder()
	}
	d := s.source.(connector.Projector).NewProjection(paths)
	if s.chain.Passes() {
		return completeDecoder{d}
	}
	return d
}

// documents is a decoder that decodes the JSON texts of the records too, if functions read but some members of them.
func (s *stageRun) documents() (d connector.Decoder, ok bool) {
	source, can := s.source.(connector.Documenter)
	if !can || s.run.kernels() != "on" {
		return nil, false
	}
	paths, ok := s.chain.Documents()
	if !ok {
		return nil, false
	}
	return source.NewDocuments(paths)
}

// projection is the paths of the members that functions read; ok is false if they get whole records. They do with
// kernels off, or compared, for then they are the reference. Records that leave the chain are projected only where
// an error can read them again, whole.
func (s *stageRun) projection() (paths [][]string, ok bool) {
	if _, can := s.source.(connector.Projector); !can || s.run.kernels() != "on" {
		return nil, false
	}
	paths, ok = s.chain.Fields()
	if ok && s.chain.Passes() {
		ok = len(paths) > 0 && !slices.ContainsFunc(s.splits, func(p connector.Split) bool { return p.File == "-" })
	}
	return paths, ok
}

// A completeDecoder makes batches whose records can be spilled.
type completeDecoder struct{ connector.Decoder }

// Decode implements connector.Decoder.
func (d completeDecoder) Decode(b *connector.Block, out *chunk.Batch, bad func(*connector.RecordError) error) error {
	err := d.Decoder.Decode(b, out, bad)
	out.Complete()
	return err
}

// showWhole replaces the record in an error of a function that had but some members of it.
func (s *stageRun) showWhole(e *kernel.ScriptError, o chunk.Ordinal) {
	if s.source == nil || !s.chain.Passes() {
		return
	}
	if _, ok := s.projection(); !ok {
		return
	}
	if v := s.reread(o.Position); v != nil {
		e.Show(v)
	}
}

// showRecord shows the record of an error that is not that of a function, if it is still as it was read.
func (s *stageRun) showRecord(e *kernel.ScriptError, o chunk.Ordinal) {
	if s.source == nil || !s.chain.Keeps() {
		return
	}
	if v := s.reread(o.Position); v != nil {
		e.Show(v)
	}
}

// reread reads the record at a position of the source once more. It is nil if it is not there any more, as what came
// from a pipe is not.
func (s *stageRun) reread(position uint64) starlark.Value {
	at := int64(position & (1<<chunk.PositionBits - 1))
	for _, split := range s.splits {
		if split.Input != int(position>>chunk.PositionBits) || at < split.Start || split.End >= 0 && at >= split.End {
			continue
		}
		if piped := split.End < 0 && split.Size == 0; piped {
			return nil
		}
		r, err := s.source.Open(context.Background(), []connector.Split{split})
		if err != nil {
			return nil
		}
		v := s.find(r, position)
		_ = r.Close() // it was only read
		return v
	}
	return nil
}

func (s *stageRun) find(r connector.Reader, position uint64) starlark.Value {
	decoder, batch := s.source.NewDecoder(), new(chunk.Batch)
	for {
		b, err := r.Next()
		if err != nil || b.Base > position {
			return nil
		}
		if position >= b.Base+uint64(max(len(b.Data), b.Values.N)) {
			continue
		}
		skip := func(*connector.RecordError) error { return nil }
		if err := decoder.Decode(b, batch, skip); err != nil {
			return nil
		}
		for i := range batch.N {
			if batch.Base+uint64(batch.RelativeAt(i)) == position {
				return batch.At(i)
			}
		}
		return nil
	}
}
