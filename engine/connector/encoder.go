package connector

import (
	"fmt"
	"sync"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
)

// An EncodeError is a record that its sink's format cannot hold. Writing it again fails again: nobody retries.
type EncodeError struct {
	Target string
	Record int    // index in the batch that was passed to Encode
	Text   string // the record, at most 1 KiB
	Field  string // the part that is to blame, as a script selects it: ["user"][3]; empty: the record as a whole
	Err    error  // what is wrong, and what to write instead
}

func (e *EncodeError) Error() string {
	field := ""
	if e.Field != "" {
		field = "field " + e.Field + ": "
	}
	return fmt.Sprintf("%s: cannot write the record %s: %s%v", outputName(e.Target), e.Text, field, e.Err)
}

func (e *EncodeError) Unwrap() error { return e.Err }

func newEncodeError(record int, d *datum, err error) *EncodeError {
	e := &EncodeError{Record: record, Text: value.Cut(d.box(), value.CutLimit), Err: err}
	if f, ok := err.(*fieldError); ok {
		e.Field, e.Err = f.field(), f.err
	}
	return e
}

// A rowWriter is a format: it appends the text of records to a part, each with its line end.
type rowWriter interface {
	// appendRows appends records lo to hi of a column. An error is an *EncodeError.
	appendRows(part *EncodedPart, c *chunk.Column, lo, hi int) error
}

// An encoder is the Encoder of every sink; what differs is its format and how it names parts.
type encoder struct {
	target string
	rows   rowWriter
	pool   *encodedPool
	ends   bool // record where each record ends, for sinks that cut between records

	// For sinks by key.
	name  func(key string) string
	parts map[string]int // index in Parts by the key's text
	text  []byte
}

func (e *encoder) Encode(b *chunk.Batch, keys *chunk.Column) (*Encoded, error) {
	out := e.pool.get()
	out.Records = b.N
	var err error
	if e.name == nil {
		err = e.append(out.add(""), &b.Column, 0, b.N)
	} else {
		err = e.encodeByKey(out, &b.Column, keys)
	}
	if err != nil {
		e.pool.put(out)
		return nil, err
	}
	return out, nil
}

// encodeByKey takes runs of records that have the same key together.
func (e *encoder) encodeByKey(out *Encoded, c, keys *chunk.Column) error {
	clear(e.parts)
	for lo := 0; lo < c.N; {
		part, err := e.part(out, c, keys, lo)
		if err != nil {
			return err
		}
		hi := lo + 1
		for hi < c.N && sameText(keys, lo, hi) {
			hi++
		}
		if err := e.append(part, c, lo, hi); err != nil {
			return err
		}
		lo = hi
	}
	return nil
}

// sameText reports whether two keys are sure to name the same file. It may miss some.
func sameText(keys *chunk.Column, i, j int) bool {
	switch keys.Kind {
	case chunk.String:
		return keys.Strings[i] == keys.Strings[j]
	case chunk.Int:
		return keys.Ints[i] == keys.Ints[j]
	}
	return false
}

func (e *encoder) part(out *Encoded, c, keys *chunk.Column, i int) (*EncodedPart, error) {
	d := load(keys, i)
	var err error
	if e.text, err = appendTextRecord(e.text[:0], &d); err != nil {
		record := load(c, i)
		failed := newEncodeError(i, &record, fmt.Errorf("its key by=: %w", err))
		failed.Target = e.target
		return nil, failed
	}
	index, ok := e.parts[string(e.text)]
	if !ok {
		index = len(out.Parts)
		key := string(e.text)
		e.parts[key] = index
		out.add(e.name(key)).first = i
	}
	return &out.Parts[index], nil
}

func (e *encoder) append(part *EncodedPart, c *chunk.Column, lo, hi int) error {
	if !e.ends {
		return e.blame(e.rows.appendRows(part, c, lo, hi))
	}
	for i := lo; i < hi; i++ {
		if err := e.rows.appendRows(part, c, i, i+1); err != nil {
			return e.blame(err)
		}
		part.ends = append(part.ends, len(part.Data))
	}
	return nil
}

// blame completes an error of the rowWriter with the sink's name.
func (e *encoder) blame(err error) error {
	if failed, ok := err.(*EncodeError); ok {
		failed.Target = e.target
	}
	return err
}

// An encodedPool passes buffers from Write back to the encoders of a sink.
type encodedPool struct{ sync.Pool }

// largestKept is the size of a buffer that one exceptional batch made and that is not worth keeping.
const largestKept = 8 << 20

func (p *encodedPool) get() *Encoded {
	if e, ok := p.Pool.Get().(*Encoded); ok {
		return e
	}
	return &Encoded{}
}

// put takes a batch's memory. Its text must not be in use any more.
func (p *encodedPool) put(e *Encoded) {
	size := 0
	for i := range e.Parts {
		size += cap(e.Parts[i].Data)
	}
	if size > largestKept {
		return
	}
	e.Records, e.Parts = 0, e.Parts[:0]
	p.Pool.Put(e)
}

// add begins a part, in the memory of an earlier one where there is one.
func (e *Encoded) add(name string) *EncodedPart {
	n := len(e.Parts)
	if n < cap(e.Parts) {
		e.Parts = e.Parts[:n+1]
	} else {
		e.Parts = append(e.Parts, EncodedPart{})
	}
	part := &e.Parts[n]
	*part = EncodedPart{Name: name, Data: part.Data[:0], Shapes: part.Shapes[:0], ends: part.ends[:0]}
	return part
}
