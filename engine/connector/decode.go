package connector

import (
	"bytes"
	"context"
	"strings"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/scan"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

const textLimit = 1 << 10 // bytes of a bad record that its error keeps

// A parser appends the records of a block to out, and where they begin in it to starts. A record that is bad is
// passed to bad and left out.
type parser interface {
	parse(b *Block, out *chunk.Column, starts []uint32, bad func(*badRecord) error) ([]uint32, error)
}

// A badRecord is a RecordError in the making: text without its line end, and where it begins in the block.
type badRecord struct {
	start  int
	text   string
	column string
	err    error
}

// NewDecoder implements Source.
func (s *fileSource) NewDecoder() Decoder {
	d := &decoder{source: s}
	switch s.spec.Format {
	case "lines":
		d.parser = linesParser{}
	case "text":
		d.parser = textParser{}
	case "jsonl":
		d.parser = &jsonParser{json: scan.NewJSON()}
	default:
		d.parser = &tableParser{source: s, rows: s.newRows()}
	}
	return d
}

// A decoder runs a format's parser and adds what all formats share: positions, origins and errors.
type decoder struct {
	source *fileSource
	parser parser
	whole  parser // if parser leaves out members: the one that does not
}

// Decode implements Decoder.
func (d *decoder) Decode(b *Block, out *chunk.Batch, bad func(*RecordError) error) (err error) {
	out.Reset()
	where := d.origin(b)
	out.Base, out.Origin = b.Base, where
	records := &out.Column
	if d.source.spec.Origin {
		beTuples(&out.Column, 2)
		records = &out.Fields[1]
	}
	out.Relative, err = d.parser.parse(b, records, out.Relative, func(r *badRecord) error {
		return bad(d.recordError(b, r))
	})
	if d.source.spec.Origin {
		d.addOrigins(b, out, where)
	}
	if d.whole != nil {
		out.Whole = d.wholeOf(b, out)
	}
	if err != nil {
		return err
	}
	if _, lines := d.parser.(linesParser); lines && !d.source.spec.Origin {
		out.Text = scan.View(b.Data)
	}
	if len(out.Relative) == 0 {
		out.Column.Reset()
	}
	return nil
}

func (d *decoder) origin(b *Block) *chunk.Origin {
	return &chunk.Origin{File: displayName(b.Split.File), Base: b.Offset, Line: b.Line}
}

// recordError finds the line of a bad record, which nobody counted as long as all was well.
func (d *decoder) recordError(b *Block, r *badRecord) *RecordError {
	where := *d.origin(b)
	where.Base += int64(r.start)
	where.Line = d.source.lineOf(b)
	if where.Line > 0 {
		where.Line += int64(bytes.Count(b.Data[:r.start], newline))
	}
	text := r.text
	if len(text) > textLimit {
		text = text[:textLimit]
	}
	return &RecordError{Where: where, Column: r.column, Text: strings.Clone(text), Err: r.err}
}

// lineOf is the number of the line at which a block begins, 0 if it cannot be found out.
func (s *fileSource) lineOf(b *Block) int64 {
	if b.line > 0 {
		return b.line
	}
	if b.Line > 0 {
		return b.Line
	}
	if b.Split.End < 0 {
		return 0
	}
	m, err := s.markAt(context.Background(), s.file(b.Split.File), b.Offset)
	if err != nil {
		return 0 // the offset must do
	}
	return m.lines + 1
}

// addOrigins fills the first column of pairs (at, record).
func (d *decoder) addOrigins(b *Block, out *chunk.Batch, where *chunk.Origin) {
	file := starlark.String(where.File)
	line, counted := b.Line, 0
	for _, start := range out.Relative {
		line += int64(bytes.Count(b.Data[counted:start], newline))
		counted = int(start)
		out.Fields[0].Append(originStruct(file, line, where.Base+int64(start)))
	}
	out.N = len(out.Relative)
}

// originStruct is what origin = True puts before a record.
func originStruct(file starlark.String, line, offset int64) starlark.Value {
	at := starlarkstruct.FromKeywords(starlarkstruct.Default, []starlark.Tuple{
		{starlark.String("file"), file},
		{starlark.String("line"), starlark.MakeInt64(line)},
		{starlark.String("offset"), starlark.MakeInt64(offset)},
	})
	at.Freeze()
	return at
}

// beTuples makes an empty column one of tuples.
func beTuples(c *chunk.Column, width int) {
	c.Kind = chunk.Tuple
	if cap(c.Fields) < width {
		c.Fields = make([]chunk.Column, width)
		return
	}
	c.Fields = c.Fields[:width]
	for i := range c.Fields {
		c.Fields[i].Reset()
	}
}

// A linesParser gives each line as a string.
type linesParser struct{}

func (linesParser) parse(b *Block, out *chunk.Column, starts []uint32, _ func(*badRecord) error) ([]uint32, error) {
	lines := scan.NewLines(scan.View(b.Data))
	out.Kind = chunk.String
	for {
		line, start, ok := lines.Next()
		if !ok {
			out.N = len(out.Strings)
			return starts, nil
		}
		out.Strings = append(out.Strings, line)
		starts = append(starts, uint32(start))
	}
}

// A textParser gives a file's name and its text.
type textParser struct{}

func (textParser) parse(b *Block, out *chunk.Column, starts []uint32, _ func(*badRecord) error) ([]uint32, error) {
	out.Append(starlark.Tuple{
		starlark.String(displayName(b.Split.File)),
		starlark.String(scan.View(scan.TrimBOM(b.Data))),
	})
	return append(starts, 0), nil
}

// A jsonParser gives the value of each line.
type jsonParser struct {
	json *scan.JSON
}

func (p *jsonParser) parse(b *Block, out *chunk.Column, starts []uint32, bad func(*badRecord) error) ([]uint32, error) {
	lines := scan.NewLines(scan.View(b.Data))
	for {
		line, start, ok := lines.Next()
		if !ok {
			return starts, nil
		}
		v, err := p.json.Decode(line)
		if err != nil {
			if err := bad(&badRecord{start: start, text: line, err: err}); err != nil {
				return starts, err
			}
			continue
		}
		out.Append(v)
		starts = append(starts, uint32(start))
	}
}
