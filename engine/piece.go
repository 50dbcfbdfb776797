package engine

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/kernel"
	"github.com/flowsh/flowsh/engine/operator"
	"github.com/flowsh/flowsh/engine/value"
)

// A piece is a part of what a task gives, as bytes: a unit of its input after the stage's functions, or states by
// key that it has combined. A task's pieces are taken in order. Texts of a script or of its input need not be
// UTF-8, so they stand in the head as bytes.
//
// The form is a magic byte and a version, the head as JSON behind its length, and the chunks, each behind its length.
type piece struct {
	head   pieceHead
	chunks [][]byte
}

type pieceHead struct {
	Task    int            `json:"task"` // the split's number
	Read    int64          `json:"read"`
	Bytes   int64          `json:"bytes,omitempty"`
	Counts  []kernel.Count `json:"counts"`
	Emitted int64          `json:"emitted"`
	Len     int            `json:"len"`
	Columns int            `json:"columns"`
	Only    bool           `json:"only,omitempty"` // positions and columns without the records themselves
	States  bool           `json:"states,omitempty"`
	Records bool           `json:"records,omitempty"` // by key
	// Run is a range of the keys plus 1, of which the piece has groups in order. The first of a range has how many records
	// were folded, or why one could not be, and what was printed.
	Run      int             `json:"run,omitempty"`
	Folding  *failurePiece   `json:"folding,omitempty"`
	Ordinals []chunk.Ordinal `json:"ordinals,omitempty"` // of Prints of a run
	// Sorted says what is in the chunk of a run that the task has sorted.
	Sorted *operator.SortNote `json:"sorted,omitempty"`
	// Classes are those of the unit's sort keys, unless the units before it tell them.
	Classes []classPiece   `json:"classes,omitempty"`
	Partial bool           `json:"partial,omitempty"`
	Prints  []printPiece   `json:"prints,omitempty"`
	Places  []kernel.Place `json:"places,omitempty"` // of Prints and Dead
	Dead    []deadPiece    `json:"dead,omitempty"`
	Bad     []failurePiece `json:"bad,omitempty"`
	Error   *failurePiece  `json:"error,omitempty"`
}

type printPiece struct {
	Text  []byte `json:"text,omitempty"` // perhaps no UTF-8
	Add   int64  `json:"add,omitempty"`
	Lines int64  `json:"lines,omitempty"`
	Bytes int64  `json:"bytes,omitempty"`
}

func (p *piece) print(line kernel.Print) {
	p.head.Prints = append(p.head.Prints, printPiece{[]byte(line.Text), line.Add, line.Lines, line.Bytes})
}

// A classPiece is a class of sort keys, and the first record that has such a key.
type classPiece struct {
	Class  []byte `json:"class"`
	Record []byte `json:"record"`
	Origin bool   `json:"origin,omitempty"` // it is known where the record was read
	File   []byte `json:"file,omitempty"`
	Offset int64  `json:"offset,omitempty"`
}

func classPieceOf(c *classSeen) classPiece {
	p := classPiece{Class: []byte(c.class), Record: []byte(c.record)}
	if c.origin != nil {
		p.Origin, p.File, p.Offset = true, []byte(c.origin.File), c.origin.Base
	}
	return p
}

func (p *classPiece) seen() classSeen {
	c := classSeen{class: value.Class(p.Class), record: string(p.Record)}
	if p.Origin {
		c.origin = &chunk.Origin{File: string(p.File), Base: p.Offset}
	}
	return c
}

type deadPiece struct {
	Step  int          `json:"step"`
	Error failurePiece `json:"error"`
}

// A failurePiece is an error that a record, or the input, caused.
type failurePiece struct {
	Kind      string          `json:"kind"` // script, record, read or limit
	Op        int             `json:"op,omitempty"`
	Name      []byte          `json:"name,omitempty"` // of the operator, or of the column
	Position  []byte          `json:"position,omitempty"`
	Message   []byte          `json:"message"`
	Backtrace []byte          `json:"backtrace,omitempty"`
	Record    []byte          `json:"record,omitempty"`
	Ordinal   *chunk.Ordinal  `json:"ordinal,omitempty"`
	File      []byte          `json:"file,omitempty"`
	Offset    int64           `json:"offset,omitempty"`
	Of        connector.Bytes `json:"of,omitempty"` // that Offset counts
	Line      int64           `json:"line,omitempty"`
	Origin    bool            `json:"origin,omitempty"`
	Limit     string          `json:"limit,omitempty"` // steps, length or memory, if the record went over one
	Sizes     []int64         `json:"sizes,omitempty"`
	Folded    *chunk.Ordinal  `json:"folded,omitempty"` // of the record that was folded
}

const (
	pieceMagic   = 0xF5
	pieceVersion = 1
	mostChunks   = 3 // of a piece: records, columns, failed records
)

// isQuiet says that the piece has nothing but numbers of records and bytes, which can be added to those of the next one.
func (p *piece) isQuiet() bool {
	h := &p.head
	return len(p.chunks)+len(h.Prints)+len(h.Places)+len(h.Dead)+len(h.Bad)+len(h.Classes) == 0 && h.Run == 0 && !h.Partial && h.Error == nil
}

// join adds the numbers of a quiet piece to those of one before it, if both are and of the same split.
func (p *piece) join(next *piece) bool {
	h, n := &p.head, &next.head
	if !next.isQuiet() || h.Task != n.Task {
		return false
	}
	h.Read, h.Bytes, h.Emitted, h.Len = h.Read+n.Read, h.Bytes+n.Bytes, h.Emitted+n.Emitted, h.Len+n.Len
	for i := range h.Counts {
		h.Counts[i].Add(n.Counts[i])
	}
	return true
}

// append appends the piece's bytes.
func (p *piece) append(dst []byte) ([]byte, error) {
	head, err := json.Marshal(&p.head)
	if err != nil {
		return dst, err
	}
	dst = binary.AppendUvarint(append(dst, pieceMagic, pieceVersion), uint64(len(head)))
	dst = binary.AppendUvarint(append(dst, head...), uint64(len(p.chunks)))
	for _, c := range p.chunks {
		dst = append(binary.AppendUvarint(dst, uint64(len(c))), c...)
	}
	return dst, nil
}

var errPiece = fmt.Errorf("%w: it is not a piece of a task", chunk.ErrCorrupt)

// decode reads a piece. Its chunks are views of data, which may come from outside.
func (p *piece) decode(data []byte) error {
	if len(data) < 2 || data[0] != pieceMagic {
		return errPiece
	}
	if data[1] != pieceVersion {
		return fmt.Errorf("a task's piece has version %d, this flowsh knows %d", data[1], pieceVersion)
	}
	head, rest, ok := field(data[2:])
	if !ok || json.Unmarshal(head, &p.head) != nil {
		return errPiece
	}
	n, size := binary.Uvarint(rest)
	if size <= 0 || n > mostChunks {
		return errPiece
	}
	rest = rest[size:]
	for range n {
		var c []byte
		if c, rest, ok = field(rest); !ok {
			return errPiece
		}
		p.chunks = append(p.chunks, c)
	}
	if len(rest) > 0 {
		return errPiece
	}
	return nil
}

// field takes a run of bytes from behind its length.
func field(data []byte) (value, rest []byte, ok bool) {
	n, size := binary.Uvarint(data)
	if size <= 0 || n > uint64(len(data)-size) {
		return nil, nil, false
	}
	return data[size : size+int(n)], data[size+int(n):], true
}

// pieceOf is a unit as a piece, without its records.
func pieceOf(u *unit) *piece {
	p := &piece{head: pieceHead{
		Read: u.read, Counts: u.counts, Emitted: u.emitted, Partial: u.partial, Error: failureOf(u.err),
	}}
	if u.block != nil {
		p.head.Task, p.head.Bytes = u.block.Split.Index, u.block.Read
	}
	p.head.Places = u.places
	if keys, ok := u.ready.(*keyClasses); ok {
		for i := range keys.seen {
			p.head.Classes = append(p.head.Classes, classPieceOf(&keys.seen[i]))
		}
	}
	for _, line := range u.prints {
		p.print(line)
	}
	for _, e := range u.bad {
		p.head.Bad = append(p.head.Bad, *failureOf(e))
	}
	for _, d := range u.dead {
		p.head.Dead = append(p.head.Dead, deadPiece{Step: d.Step, Error: *failureOf(d.Error)})
	}
	return p
}

// fill makes the unit that the piece was made of, without its records.
func (p *piece) fill(u *unit) error {
	h := &p.head
	u.read, u.counts, u.emitted, u.partial = h.Read, h.Counts, h.Emitted, h.Partial
	u.task, u.bytes = h.Task, h.Bytes
	if len(h.Classes) > 0 {
		keys := &keyClasses{}
		for i := range h.Classes {
			keys.seen = append(keys.seen, h.Classes[i].seen())
		}
		u.ready = keys
	}
	for _, line := range h.Prints {
		u.prints = append(u.prints, kernel.Print{Text: string(line.Text), Add: line.Add, Lines: line.Lines, Bytes: line.Bytes})
	}
	for i := range h.Bad {
		e, ok := h.Bad[i].err().(*connector.RecordError)
		if !ok {
			return errPiece
		}
		u.bad = append(u.bad, e)
	}
	var records chunk.Column
	if len(h.Dead) > 0 {
		if len(p.chunks) == 0 {
			return errPiece
		}
		if _, err := chunk.DecodeFrame(p.chunks[len(p.chunks)-1], []*chunk.Column{&records}); err != nil {
			return err
		}
		p.chunks = p.chunks[:len(p.chunks)-1]
	}
	if records.N != len(h.Dead) {
		return errPiece
	}
	for i := range h.Dead {
		e, ok := h.Dead[i].Error.err().(*kernel.ScriptError)
		if !ok || h.Dead[i].Step < 0 || h.Dead[i].Step >= len(h.Counts) {
			return errPiece
		}
		u.dead = append(u.dead, kernel.Dead{Step: h.Dead[i].Step, Record: records.At(i), Error: e})
	}
	u.err, u.places = h.Error.err(), h.Places
	return u.placed()
}

// placed tests that each line and each failed record of a unit has its place.
func (u *unit) placed() error {
	prints, dead, before := 0, 0, 0
	for _, p := range u.places {
		if p.Print {
			prints++
		} else {
			dead++
		}
		if p.Before < before {
			return errPiece
		}
		before = p.Before
	}
	if prints != len(u.prints) || dead != len(u.dead) {
		return errPiece
	}
	return nil
}

// failureOf is an error as it travels; nil is nil.
func failureOf(err error) *failurePiece {
	if err == nil {
		return nil
	}
	var script *kernel.ScriptError
	var record *connector.RecordError
	var read *connector.ReadError
	var limit *operator.LimitError
	var folded *operator.RecordError
	switch {
	case errors.As(err, &folded):
		f := failureOf(folded.Err)
		f.Folded = &folded.Ordinal
		return f
	case errors.As(err, &script):
		f := &failurePiece{
			Kind: "script", Op: script.Op, Name: []byte(script.Name), Position: []byte(script.Position),
			Message: []byte(script.Message), Backtrace: []byte(script.Backtrace), Record: []byte(script.Record),
			Ordinal: &script.Ordinal,
		}
		f.from(script.Origin)
		if errors.Is(err, kernel.ErrLimit) {
			f.Limit = "steps"
		}
		return f
	case errors.As(err, &record):
		f := &failurePiece{Kind: "record", Name: []byte(record.Column), Message: []byte(record.Err.Error()), Record: []byte(record.Text)}
		f.from(&record.Where)
		return f
	case errors.As(err, &limit):
		return &failurePiece{
			Kind: "limit", Name: []byte(limit.What), Record: []byte(limit.Key), Message: []byte(limit.Hint),
			Sizes: []int64{limit.Bytes, limit.Share},
		}
	case errors.As(err, &read):
		f := &failurePiece{Kind: "read", Message: []byte(read.Err.Error()), File: []byte(read.File), Offset: read.Offset, Of: read.Of}
		if errors.Is(err, connector.ErrTooLong) {
			f.Limit = "length"
		}
		return f
	}
	f := &failurePiece{Message: []byte(err.Error())}
	if errors.Is(err, kernel.ErrLimit) {
		f.Limit = "steps"
	}
	return f
}

func (f *failurePiece) from(o *chunk.Origin) {
	if o != nil {
		f.Origin, f.File, f.Offset, f.Line = true, []byte(o.File), o.Base, o.Line
	}
}

// err is the error that the piece was made of.
func (f *failurePiece) err() error {
	switch {
	case f == nil:
		return nil
	case f.Folded != nil:
		record := *f
		record.Folded = nil
		return &operator.RecordError{Ordinal: *f.Folded, Err: record.err()}
	}
	origin := chunk.Origin{File: string(f.File), Base: f.Offset, Line: f.Line}
	cause := error(&remoteError{text: string(f.Message), limit: f.Limit})
	switch f.Kind {
	case "script":
		e := &kernel.ScriptError{
			Op: f.Op, Name: string(f.Name), Position: string(f.Position), Message: string(f.Message),
			Backtrace: string(f.Backtrace), Record: string(f.Record), Err: cause,
		}
		if f.Ordinal != nil {
			e.Ordinal = *f.Ordinal
		}
		if f.Origin {
			e.Origin = &origin
		}
		return e
	case "record":
		return &connector.RecordError{Where: origin, Column: string(f.Name), Text: string(f.Record), Err: cause}
	case "limit":
		e := &operator.LimitError{What: string(f.Name), Key: string(f.Record), Hint: string(f.Message)}
		if len(f.Sizes) == 2 {
			e.Bytes, e.Share = f.Sizes[0], f.Sizes[1]
		}
		return e
	case "read":
		return &connector.ReadError{File: string(f.File), Offset: f.Offset, Of: f.Of, Err: cause}
	}
	return cause
}

// A remoteError is the text of an error that happened where a task ran.
type remoteError struct{ text, limit string }

func (e *remoteError) Error() string { return e.text }

// Is reports which limit was passed.
func (e *remoteError) Is(target error) bool {
	return e.limit == "steps" && target == kernel.ErrLimit || e.limit == "length" && target == connector.ErrTooLong
}
