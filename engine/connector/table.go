package connector

import (
	"fmt"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/scan"
	"go.starlark.net/starlark"
)

// A rowScanner is a scan.CSV or a scan.TSV.
type rowScanner interface {
	Reset(text string)
	Next() (row scan.Row, ok bool)
	Run(r *scan.RowRun) (n int)
	At() int
	Seek(at int)
}

func (s *fileSource) newRows() rowScanner {
	if s.spec.Format == "csv" {
		return scan.NewCSV(s.delim)
	}
	return scan.NewTSV(s.delim)
}

// A tableParser gives the records of a CSV or TSV as dicts, or as tuples where columns have no names.
type tableParser struct {
	source *fileSource
	rows   rowScanner
	only   []string // names of the columns that are wanted; nil: all
	layout tableLayout
	run    tableRun
}

// A tableLayout says which fields of a row go where. All files of a source have the same.
type tableLayout struct {
	header *header
	names  []string // of the columns of the records
	cells  []cell   // in the order of the header's columns
	rest   chunk.Column
}

// restRun is how many values that nobody wants are kept before they are dropped.
const restRun = 64

// A cell is a field that is wanted, or must be checked.
type cell struct {
	column  int         // of the header
	from    int         // field of a row
	to      int         // column of the records; -1: none
	convert *conversion // nil: it stays text
}

func (p *tableParser) layOut(h *header) *tableLayout {
	l := &p.layout
	if l.header == h {
		return l
	}
	*l = tableLayout{header: h, names: h.names}
	if p.only != nil {
		l.names = []string{}
	}
	for i := range h.fields {
		if h.names == nil {
			l.cells = append(l.cells, cell{from: i, to: i})
		}
	}
	for i, name := range h.names {
		c := cell{column: i, from: h.pick[i], to: i, convert: h.types[i]}
		if p.only != nil {
			c.to = -1
			if slices.Contains(p.only, name) {
				c.to = len(l.names)
				l.names = append(l.names, name)
			}
		}
		if c.to >= 0 || c.convert != nil {
			l.cells = append(l.cells, c)
		}
	}
	return l
}

func (p *tableParser) parse(b *Block, out *chunk.Column, starts []uint32, bad func(*badRecord) error) ([]uint32, error) {
	h := p.source.headerOf(b.Split.File)
	if h == nil {
		return starts, fmt.Errorf("%s: the block was not read by this source", b.Split.File)
	}
	p.rows.Reset(scan.View(b.Data))
	l := p.layOut(h)
	if h.names != nil {
		beRecords(out, l.names)
	} else {
		beTuples(out, len(h.fields))
	}
	p.run.begin(l)
	for {
		var n int
		if n, starts = p.run.take(p.rows, out, starts); n > 0 {
			continue
		}
		row, ok := p.rows.Next()
		if !ok {
			return starts, nil
		}
		if row.Blank && len(h.fields) > 1 {
			continue
		}
		fault := p.row(l, &row, b, out)
		if fault == nil {
			starts = append(starts, uint32(row.Start))
			continue
		}
		if fault == skipped {
			continue
		}
		fault.start = row.Start
		fault.text = strings.TrimRight(scan.View(b.Data[row.Start:row.End]), "\r\n")
		if err := bad(fault); err != nil {
			return starts, err
		}
	}
}

// skipped stands for a record that is left out because the script asked for it.
var skipped = new(badRecord)

// row appends one record, or appends nothing and says what is wrong with it.
func (p *tableParser) row(l *tableLayout, row *scan.Row, b *Block, out *chunk.Column) *badRecord {
	h := l.header
	if row.Err != nil {
		return &badRecord{err: fmt.Errorf("%w (at byte %d)", row.Err, b.Offset+int64(row.ErrAt))}
	}
	if len(row.Fields) != len(h.fields) {
		if fault := p.ragged(h, len(row.Fields)); fault != nil {
			return fault
		}
	}
	for i := range l.cells {
		if fault := l.cell(&l.cells[i], row.Fields, out); fault != nil {
			for k := range out.Fields {
				out.Fields[k].Truncate(out.N)
			}
			return fault
		}
	}
	out.N++
	return nil
}

// cell appends a field to its column, or only checks it.
func (l *tableLayout) cell(c *cell, fields []string, out *chunk.Column) *badRecord {
	to := &l.rest
	if c.to >= 0 {
		to = &out.Fields[c.to]
	} else if to.N == restRun {
		to.Reset()
	}
	if c.from >= len(fields) {
		to.Append(starlark.None)
		return nil
	}
	if c.convert == nil {
		to.AppendString(fields[c.from])
		return nil
	}
	if err := c.convert.one(fields[c.from], to); err != nil {
		return &badRecord{column: l.header.names[c.column], err: fmt.Errorf("%.40q: %w", fields[c.from], err)}
	}
	return nil
}

// ragged decides about a record of another width. Padding adds fields; it never drops any.
func (p *tableParser) ragged(h *header, width int) *badRecord {
	switch {
	case p.source.spec.Ragged == "skip":
		return skipped
	case p.source.spec.Ragged == "pad" && width < len(h.fields):
		return nil
	}
	hint := `give ragged = "skip" to leave such records out`
	if width < len(h.fields) {
		hint = `give ragged = "pad" for None in the missing ones, or "skip" to leave such records out`
	}
	return &badRecord{err: fmt.Errorf("the record has %d fields, not %d; %s", width, len(h.fields), hint)}
}
