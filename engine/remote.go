package engine

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/kernel"
)

// Tasks does tasks of a job in other places. A run consumes what they give in the order of the tasks, by the same
// code that consumes what its own workers do.
type Tasks interface {
	// Start begins to do tasks, which are in the order of the flow.
	Start(ctx context.Context, tasks []Task) (Pieces, error)
}

// Pieces is what some tasks give.
type Pieces interface {
	// Next is the next piece: of the first task all pieces of one attempt in order, then those of the second, and
	// io.EOF behind the last. Other errors say that a task cannot be done; what was lost on the way has been done
	// again before. The piece belongs to the caller.
	Next(ctx context.Context) (Piece, error)
	// Close stops the tasks that are not done; nobody wants them any more.
	Close() error
}

// A Piece is a part of what a task gives. Chunk names the task, and Attempt says in which attempt it was done, for people; ""
// and 0: that is not known.
type Piece struct {
	Data    []byte
	Chunk   string
	Attempt int
}

// A taskFeed reads what tasks give in other places.
type taskFeed struct {
	tasks  Tasks
	list   []Task
	pieces Pieces
}

func (f *taskFeed) next(ctx context.Context, u *unit) error {
	if f.pieces == nil {
		p, err := f.tasks.Start(ctx, f.list)
		if err != nil {
			return err
		}
		f.pieces = p
	}
	p, err := f.pieces.Next(ctx)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("a task could not be done: %w", err)
	}
	u.piece, u.chunk, u.attempt = p.Data, p.Chunk, p.Attempt
	return err
}

func (f *taskFeed) close() error {
	if f.pieces == nil {
		return nil
	}
	return f.pieces.Close()
}

// elsewhere makes the stage's feed if its tasks are to be done elsewhere.
func (s *stageRun) elsewhere(splits []connector.Split) bool {
	o := &s.run.options
	if o.Tasks == nil || o.DryRun || !movable(s.run.graph, s.Stage) {
		return false
	}
	shape, code := s.fingerprints()
	f := &taskFeed{tasks: o.Tasks}
	for _, split := range splits {
		if split.File == "-" || split.File != "" && split.Size == 0 { // only this process can read it
			return false
		}
		f.list = append(f.list, Task{TaskID: TaskID{Stage: s.ID, Task: split.Index}, Step: s.run.number, Splits: []connector.Split{split}, Shape: shape, Code: code})
	}
	s.feed = f
	return true
}

// adopt makes the unit's output of the piece that another place gave.
func (w *worker) adopt(u *unit) error {
	var p piece
	err := p.decode(u.piece)
	u.piece = nil
	if err == nil {
		err = p.fill(u)
	}
	if err != nil {
		return err
	}
	if len(u.counts) != len(w.stage.Chain) {
		return errPiece
	}
	w.stage.records.Add(u.read)
	w.stage.bytes.Add(u.bytes)
	if p.head.States {
		return u.states(w.stage, p.chunks)
	}
	if len(p.chunks) == 0 {
		if g, ok := w.stage.end.(*groupEnd); ok {
			g.ledger.folded.Add(u.emitted)
		}
		return u.err
	}
	failed := u.err
	if u.out, err = p.output(w.stage.chain.OutputColumns()); err != nil {
		return err
	}
	if err := w.stage.end.work(w.number, u); err != nil {
		return err
	}
	return failed
}

// states keeps states by key for the end, which must be one that combines them.
func (u *unit) states(s *stageRun, chunks [][]byte) error {
	if g, ok := s.end.(*groupEnd); !ok || !g.combinesElsewhere() {
		return errPiece
	}
	u.ready = combined(chunks)
	return nil
}

// combined are chunks of states by key.
type combined [][]byte

// output is the records of a piece as a chain would have put them out.
func (p *piece) output(columns int) (*kernel.Output, error) {
	h := &p.head
	out := &kernel.Output{Len: h.Len, Columns: make([]chunk.Column, columns)}
	if _, err := chunk.Decode(p.chunks[0], &out.Batch); err != nil {
		return nil, err
	}
	if h.Columns != columns || out.N != h.Len || columns > 0 != (len(p.chunks) == 2) {
		return nil, errPiece
	}
	if columns > 0 {
		into := make([]*chunk.Column, columns)
		for i := range into {
			into[i] = &out.Columns[i]
		}
		if _, err := chunk.DecodeFrame(p.chunks[1], into); err != nil {
			return nil, err
		}
		for _, c := range into {
			if c.N != h.Len {
				return nil, errPiece
			}
		}
	}
	if h.Only {
		out.Column = chunk.Column{}
	}
	return out, nil
}
