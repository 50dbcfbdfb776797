package connector

import (
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/scan"
)

// A tableRun takes records that are plain, many at once and column by column. It leaves those to a tableParser that
// need more care, or have something wrong with them.
type tableRun struct {
	rows    scan.RowRun
	cells   []cell
	texts   [][]string   // per cell: fields that are still to be converted
	rest    chunk.Column // values that nobody wants
	careful int          // where the records end that are left to the parser, among them one that could not be converted
}

// begin starts with a block.
func (t *tableRun) begin(l *tableLayout) {
	t.careful = 0
	t.cells = l.cells
	t.rows.Width, t.rows.Pick = len(l.header.fields), t.rows.Pick[:0]
	for _, c := range l.cells {
		t.rows.Pick = append(t.rows.Pick, c.from)
	}
	t.rows.Fields = make([][]string, len(l.cells))
	if len(t.texts) != len(l.cells) {
		t.texts = make([][]string, len(l.cells))
	}
}

// take appends records to out, and their offsets to starts. It returns how many: 0 says that the next one is for the
// parser.
func (t *tableRun) take(from rowScanner, out *chunk.Column, starts []uint32) (int, []uint32) {
	at := from.At()
	if at < t.careful {
		return 0, starts
	}
	for i := range t.cells {
		if c := t.cells[i].texts(out); c != nil {
			t.rows.Fields[i] = c.Strings
		} else {
			t.rows.Fields[i] = t.texts[i][:0]
		}
	}
	t.rows.Starts = starts
	n := from.Run(&t.rows)
	if n == 0 {
		return 0, starts
	}
	for i := range t.cells {
		if !t.append(i, n, out) {
			t.careful = from.At()
			from.Seek(at)
			for f := range out.Fields {
				out.Fields[f].Truncate(min(out.N, out.Fields[f].N))
			}
			return 0, starts
		}
	}
	out.N += n
	return n, t.rows.Starts
}

// texts is the column that a cell's fields are as they stand; nil: there is none.
func (c *cell) texts(out *chunk.Column) *chunk.Column {
	if c.convert != nil || c.to < 0 {
		return nil
	}
	if to := &out.Fields[c.to]; to.Kind == chunk.String || to.Kind == chunk.Empty {
		return to
	}
	return nil
}

// append adds n fields of a cell to its column. It reports false if one cannot be converted.
func (t *tableRun) append(i, n int, out *chunk.Column) bool {
	c, texts := &t.cells[i], t.rows.Fields[i]
	if to := c.texts(out); to != nil {
		to.Kind, to.Strings, to.N = chunk.String, texts, to.N+n
		return true
	}
	t.texts[i] = texts
	to := &t.rest
	if c.to >= 0 {
		to = &out.Fields[c.to]
	} else {
		to.Reset()
	}
	if c.convert != nil {
		return c.convert.all(texts, to) == nil
	}
	for _, text := range texts {
		to.AppendString(text)
	}
	return true
}
