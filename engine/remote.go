package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
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
	// io.EOF behind the last. Other errors say that a task cannot be done, whose names the piece has if they are known;
	// what was lost on the way has been done again before. The piece belongs to the caller; it is in the memory of buf if
	// that is large enough.
	Next(ctx context.Context, buf []byte) (Piece, error)
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
	p, err := f.pieces.Next(ctx, takePiece())
	u.piece, u.chunk, u.attempt = p.Data, p.Chunk, p.Attempt
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("a task could not be done: %w", err)
	}
	return err
}

// pieceMemory is the memory of pieces that were taken apart.
var pieceMemory = sync.Pool{New: func() any { return new([]byte) }}

// mostPieceMemory is how long a piece may be to have its memory used again.
const mostPieceMemory = 1 << 20

func takePiece() []byte { return (*pieceMemory.Get().(*[]byte))[:0] }

// leavePiece has the memory of a piece used again, unless what was made of it is a view of it.
func (w *worker) leavePiece(u *unit, data []byte) {
	switch u.ready.(type) {
	case combined, *foldedRun, *sortedChunk:
		return
	}
	if w.stage.run.options.Poison {
		for i := range data {
			data[i] = '!'
		}
	}
	if cap(data) <= mostPieceMemory {
		pieceMemory.Put(&data)
	}
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
	ranges := 0
	if divides(s.run.graph, s.Stage) {
		ranges = operator.Ranges
	}
	f := &taskFeed{tasks: o.Tasks}
	for _, split := range splits {
		if split.File == "-" || split.File != "" && split.Size == 0 { // only this process can read it
			return false
		}
		f.list = append(f.list, Task{TaskID: TaskID{Stage: s.ID, Task: split.Index}, Step: s.run.number, Splits: []connector.Split{split}, Ranges: ranges, Shape: shape, Code: code})
	}
	s.feed = f
	return true
}

// adopt makes the unit's output of the piece that another place gave.
func (w *worker) adopt(u *unit) error {
	var p piece
	data := u.piece
	err := p.decode(data)
	u.piece = nil
	defer w.leavePiece(u, data)
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
	if e, ok := w.stage.end.(*sortEnd); ok && p.head.Sorted != nil {
		return e.adopt(u, &p)
	}
	if g := w.stage.groups(); g != nil && p.byKey() {
		return g.adopt(u, &p)
	}
	if p.byKey() || p.head.Sorted != nil {
		return errPiece
	}
	if len(p.chunks) == 0 {
		if g := w.stage.groups(); g != nil {
			g.ledger.folded.Add(u.emitted - int64(p.head.Len))
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

// groups is the end that brings records into state by key; nil: the stage has none.
func (s *stageRun) groups() *groupEnd {
	if s.task != nil {
		return s.task.groups
	}
	g, _ := s.end.(*groupEnd)
	return g
}

// divided says that the stage gets records by key from other places, those of each range of the keys by themselves.
func (s *stageRun) divided() bool {
	switch s.feed.(type) {
	case *taskFeed, *inputFeed:
		return divides(s.run.graph, s.Stage)
	}
	return false
}

// byKey says that the piece is state by key, or records on their way into it.
func (p *piece) byKey() bool { return p.head.States || p.head.Records || p.head.Run > 0 }

// adopt prepares a piece that another place gave. It must be of the kind that the op asks for.
func (g *groupEnd) adopt(u *unit, p *piece) error {
	switch {
	case p.head.States && g.combinesElsewhere() && g.groups.Ordered:
		u.ready = combined(p.chunks)
	case p.head.States && g.combinesElsewhere():
		return g.load(p.chunks)
	case p.head.Records && !g.combined && len(p.chunks) == 1:
		r := g.blank()
		if err := g.groups.RouteChunk(p.chunks[0], &r.Routed); err != nil {
			return err
		}
		u.ready = r
	case p.head.Run > 0 && len(p.head.Ordinals) == len(u.prints):
		run := &foldedRun{number: p.head.Run - 1, records: int64(p.head.Len), failed: p.head.Folding.err(), chunks: p.chunks}
		for i, at := range p.head.Ordinals {
			run.prints = append(run.prints, printedAt{u.prints[i], at})
		}
		u.prints, u.places, u.ready = nil, nil, run
	default:
		return errPiece
	}
	return nil
}

// combined are chunks of states by key that are merged in order.
type combined [][]byte

// load merges chunks of states.
func (g *groupEnd) load(chunks [][]byte) error {
	for _, data := range chunks {
		if err := g.groups.Load(data); err != nil {
			return g.located(g.groups.FirstError(err))
		}
	}
	return nil
}

// A foldedRun is a part of what another place has folded: groups of a range of the keys, in order.
type foldedRun struct {
	number  int
	records int64 // that were folded
	failed  error // why one could not be
	prints  []printedAt
	chunks  [][]byte
}

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
