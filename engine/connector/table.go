package connector

import (
	"fmt"
	"strings"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/scan"
	"go.starlark.net/starlark"
)

// A rowScanner is a scan.CSV or a scan.TSV.
type rowScanner interface {
	Reset(text string)
	Next() (row scan.Row, ok bool)
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
}

func (p *tableParser) parse(b *Block, out *chunk.Column, starts []uint32, bad func(*badRecord) error) ([]uint32, error) {
	h := p.source.headerOf(b.Split.File)
	if h == nil {
		return starts, fmt.Errorf("%s: the block was not read by this source", b.Split.File)
	}
	p.rows.Reset(scan.View(b.Data))
	if h.names != nil {
		out.BecomeRecord(h.names)
	} else {
		beTuples(out, len(h.fields))
	}
	for {
		row, ok := p.rows.Next()
		if !ok {
			return starts, nil
		}
		if row.Blank && len(h.fields) > 1 {
			continue
		}
		fault := p.row(h, &row, b, out)
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
func (p *tableParser) row(h *header, row *scan.Row, b *Block, out *chunk.Column) *badRecord {
	if row.Err != nil {
		return &badRecord{err: fmt.Errorf("%w (at byte %d)", row.Err, b.Offset+int64(row.ErrAt))}
	}
	if len(row.Fields) != len(h.fields) {
		if fault := p.ragged(h, len(row.Fields)); fault != nil {
			return fault
		}
	}
	if h.names == nil {
		appendTuple(out, row.Fields)
		return nil
	}
	for i, from := range h.pick {
		if from >= len(row.Fields) {
			out.Fields[i].Append(starlark.None)
			continue
		}
		if err := h.types[i](row.Fields[from], &out.Fields[i]); err != nil {
			for k := range i {
				out.Fields[k].Truncate(out.N)
			}
			return &badRecord{column: h.names[i], err: fmt.Errorf("%.40q: %w", row.Fields[from], err)}
		}
	}
	out.N++
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

func appendTuple(out *chunk.Column, fields []string) {
	for i := range out.Fields {
		if i < len(fields) {
			out.Fields[i].AppendString(fields[i])
		} else {
			out.Fields[i].Append(starlark.None)
		}
	}
	out.N++
}
