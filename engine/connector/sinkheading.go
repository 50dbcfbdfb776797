package connector

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// A heading is the row of column names at the top of one output, and what it demands of the records below.
type heading struct {
	layout  *layout
	begun   bool
	columns []string // nil: the records have no names
	records int64
	row     []byte
}

// admit checks that the records of a part can stand in the output, and returns the row that must come before
// them, if there is one.
func (h *heading) admit(part *EncodedPart) ([]byte, error) {
	if !h.layout.tabular() || part.Records == 0 && len(part.Shapes) == 0 {
		return nil, nil
	}
	first := !h.begun
	if first {
		h.begun, h.columns = true, part.Columns
		if h.columns == nil && h.wanted() && h.layout.Header != nil {
			return nil, h.refuse(part, 0, errors.New("header=True needs names: say columns=[...], as the records have none"))
		}
	}
	for i, shape := range part.Shapes {
		if !sameSet(h.columns, shape.Columns) {
			return nil, h.refuse(part, i, h.mismatch(shape.Columns))
		}
	}
	h.records += int64(part.Records)
	if !first || h.columns == nil || !h.wanted() {
		return nil, nil
	}
	return h.text(h.columns), nil
}

// last returns the heading of an output that has no records.
func (h *heading) last() []byte {
	if h.begun || !h.layout.tabular() || h.layout.Columns == nil || !h.wanted() {
		return nil
	}
	h.begun = true
	return h.text(h.layout.Columns)
}

func (h *heading) wanted() bool { return h.layout.Header == nil || *h.layout.Header }

func (h *heading) text(columns []string) []byte {
	w := tableWriter{csv: h.layout.Format == "csv"}
	h.row = h.row[:0]
	for i, column := range columns {
		if i > 0 {
			h.row = append(h.row, w.separator())
		}
		h.row = w.appendText(h.row, column)
	}
	if w.csv && len(h.row) == 0 {
		h.row = append(h.row, '"', '"')
	}
	return append(h.row, '\n')
}

func (h *heading) refuse(part *EncodedPart, shape int, err error) error {
	s := part.Shapes[shape]
	text := s.Text
	if text == "" {
		line, _, _ := bytes.Cut(part.Data[:min(len(part.Data), 1<<10)], []byte{'\n'})
		text = string(line)
	}
	return &EncodeError{
		Target: h.layout.Target, Record: s.Record, Text: text,
		Err: fmt.Errorf("it is number %d of its file: %w", h.records+int64(s.at)+1, err),
	}
}

func (h *heading) mismatch(columns []string) error {
	union := slices.Clone(h.columns)
	for _, column := range columns {
		if !slices.Contains(union, column) {
			union = append(union, column)
		}
	}
	return fmt.Errorf("it has %s, and the first one has %s: say columns=%s", describe(columns), describe(h.columns), listing(union))
}

func describe(columns []string) string {
	if columns == nil {
		return "no named columns"
	}
	return "the columns " + listing(columns)
}

// reorder turns rows with the same columns in another order into rows with those of the heading.
func (h *heading) reorder(part *EncodedPart, scratch []byte) []byte {
	if !h.layout.tabular() || slices.Equal(part.Columns, h.columns) {
		return part.Data
	}
	from := make([]int, len(h.columns))
	for i, column := range h.columns {
		from[i] = slices.Index(part.Columns, column)
	}
	separator, quote := byte('\t'), false
	if h.layout.Format == "csv" {
		separator, quote = ',', true
	}
	cells := make([][]byte, len(part.Columns))
	scratch = scratch[:0]
	for rest := part.Data; len(rest) > 0; {
		for i := range cells {
			n := cellEnd(rest, separator, quote)
			cells[i], rest = rest[:n], rest[n+1:]
		}
		for i, f := range from {
			if i > 0 {
				scratch = append(scratch, separator)
			}
			scratch = append(scratch, cells[f]...)
		}
		scratch = append(scratch, '\n')
	}
	return scratch
}

// cellEnd is the length of the cell that data begins with.
func cellEnd(data []byte, separator byte, quote bool) int {
	quoted := false
	for i, b := range data {
		switch {
		case quote && b == '"':
			quoted = !quoted
		case !quoted && (b == separator || b == '\n'):
			return i
		}
	}
	return len(data)
}
