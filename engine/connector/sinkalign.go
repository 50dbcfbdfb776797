package connector

import (
	"bytes"
	"io"
	"unicode/utf8"
)

// How much a table gathers before it decides how wide its columns are. What follows is aligned to those widths as
// far as it fits.
const (
	alignRows  = 1000
	alignBytes = 1 << 20
)

// An aligner turns tab-separated lines into a table for people: columns side by side, numbers to the right.
type aligner struct {
	w       io.Writer
	heading bool // the first line is one: it does not decide what is a number
	decided bool
	rows    int
	held    []byte // lines gathered so far
	widths  []int
	right   []bool
	line    []byte
}

func (a *aligner) Write(data []byte) (int, error) {
	written := len(data)
	for len(data) > 0 {
		n := bytes.IndexByte(data, '\n') + 1
		row := data[:n]
		data = data[n:]
		if a.decided {
			if err := a.put(row); err != nil {
				return 0, err
			}
			continue
		}
		a.held = append(a.held, row...)
		if a.rows++; a.rows == alignRows || len(a.held) >= alignBytes {
			if err := a.flush(); err != nil {
				return 0, err
			}
		}
	}
	return written, nil
}

// flush decides the widths and puts out what was gathered.
func (a *aligner) flush() error {
	if a.decided {
		return nil
	}
	a.decided = true
	a.measure()
	for row := range bytes.Lines(a.held) {
		if err := a.put(row); err != nil {
			return err
		}
	}
	a.held = nil
	return nil
}

func (a *aligner) measure() {
	heading := a.heading
	for row := range bytes.Lines(a.held) {
		column := 0
		for cell := range bytes.SplitSeq(row[:len(row)-1], []byte{'\t'}) {
			if column == len(a.widths) {
				a.widths, a.right = append(a.widths, 0), append(a.right, true)
			}
			a.widths[column] = max(a.widths[column], utf8.RuneCount(cell))
			a.right[column] = a.right[column] && (heading || numeric(cell))
			column++
		}
		heading = false
	}
}

// put writes one row. The last column is not padded to the right.
func (a *aligner) put(row []byte) error {
	row = row[:len(row)-1]
	a.line = a.line[:0]
	for column, more := 0, true; more; column++ {
		var cell []byte
		cell, row, more = bytes.Cut(row, []byte{'\t'})
		if column > 0 {
			a.line = append(a.line, ' ', ' ')
		}
		width, right := 0, false
		if column < len(a.widths) {
			width, right = a.widths[column], a.right[column]
		}
		pad := max(width-utf8.RuneCount(cell), 0)
		if right {
			a.line = appendSpaces(a.line, pad)
		}
		a.line = append(a.line, cell...)
		if !right && more {
			a.line = appendSpaces(a.line, pad)
		}
	}
	a.line = append(a.line, '\n')
	_, err := a.w.Write(a.line)
	return err
}

func appendSpaces(dst []byte, n int) []byte {
	for range n {
		dst = append(dst, ' ')
	}
	return dst
}

// numeric reports whether a cell reads as a number, or is empty.
func numeric(cell []byte) bool {
	digits := 0
	for i, b := range cell {
		switch {
		case '0' <= b && b <= '9':
			digits++
		case b == '.' && digits > 0, i == 0 && (b == '-' || b == '+'):
		case b == 'e' && digits > 0, (b == '-' || b == '+') && cell[i-1] == 'e':
		default:
			return false
		}
	}
	return digits > 0 || len(cell) == 0
}
