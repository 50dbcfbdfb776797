package scan

import (
	"errors"
	"strings"
)

// Errors of a CSV record. The record is the one that Next returned with it.
var (
	ErrUnclosedQuote = errors.New(`a quote (") is opened here and never closed`)
	ErrAfterQuote    = errors.New(`text after the closing quote (") of a field; write a quote inside a field as ""`)
)

// A CSV splits a text into records of fields: RFC 4180 with any delimiter of one byte. A field that begins with
// a quote ends at the next quote that is not doubled, and may hold delimiters and newlines; in other fields a
// quote is a character like any other. Records end where a quote Cutter cuts. An empty line is a record with one
// empty field.
//
// A CSV is used by one goroutine at a time. It allocates only for fields with doubled quotes.
type CSV struct {
	text string
	at   int
	rowCutter
}

// NewCSV makes a scanner for fields that are separated by delim, which must not be '"', '\r' or '\n'.
func NewCSV(delim byte) *CSV { return &CSV{rowCutter: rowCutter{delim: delim, special: '"'}} }

// Reset starts at the beginning of text, which must begin at the start of a record.
func (c *CSV) Reset(text string) {
	c.text, c.at = text, 0
	c.reset()
}

// A Row is one record of a CSV or TSV. Fields is reused by the next call; the strings in it are not.
type Row struct {
	Fields []string
	Start  int // offset of the record in the text
	End    int // offset after its '\n'
	// Blank is set for an empty line, which is one empty field.
	Blank bool
	// Err is ErrUnclosedQuote or ErrAfterQuote, and ErrAt the offset of the quote. Fields is then nil.
	Err   error
	ErrAt int
}

// Next returns the next record; ok is false after the last one. The scan goes on after a record with an error.
func (c *CSV) Next() (row Row, ok bool) {
	if c.at >= len(c.text) {
		return Row{}, false
	}
	start := c.at
	if next := c.cut(c.text, start); next >= 0 {
		c.at = next
		return Row{Fields: c.fields, Start: start, End: next, Blank: c.blank()}, true
	}
	return c.quotedRow(start), true
}

// quotedRow scans a record field by field.
func (c *CSV) quotedRow(start int) Row {
	c.fields = c.fields[:0]
	for at := start; ; {
		var last bool
		if at < len(c.text) && c.text[at] == '"' {
			next, err := c.quotedField(at)
			if err != nil {
				return c.badRow(start, at, err)
			}
			at, last = c.delimiter(next)
			if at < 0 {
				return c.badRow(start, next-1, ErrAfterQuote)
			}
		} else {
			at, last = c.plainField(at)
		}
		if last {
			c.at = at
			return Row{Fields: c.fields, Start: start, End: at}
		}
	}
}

// quotedField appends the field whose opening quote is at open and returns the offset after its closing quote.
func (c *CSV) quotedField(open int) (next int, err error) {
	doubled := false
	for i := open + 1; ; {
		n := strings.IndexByte(c.text[i:], '"')
		if n < 0 {
			return 0, ErrUnclosedQuote
		}
		i += n + 1
		if i < len(c.text) && c.text[i] == '"' {
			doubled = true
			i++
			continue
		}
		field := c.text[open+1 : i-1]
		if doubled {
			field = strings.ReplaceAll(field, `""`, `"`)
		}
		c.fields = append(c.fields, field)
		return i, nil
	}
}

// delimiter steps over what follows a closing quote: a delimiter, or the end of the record (last). It returns -1
// if something else stands there.
func (c *CSV) delimiter(at int) (next int, last bool) {
	rest := c.text[at:]
	switch {
	case rest == "" || rest == "\r":
		return len(c.text), true
	case rest[0] == c.delim:
		return at + 1, false
	case rest[0] == '\n':
		return at + 1, true
	case strings.HasPrefix(rest, "\r\n"):
		return at + 2, true
	}
	return -1, false
}

// plainField appends the unquoted field at at and returns the offset after its end.
func (c *CSV) plainField(at int) (next int, last bool) {
	for i := at; i < len(c.text); i++ {
		switch c.text[i] {
		case c.delim:
			c.fields = append(c.fields, c.text[at:i])
			return i + 1, false
		case '\n':
			c.fields = append(c.fields, trimCR(c.text[at:i]))
			return i + 1, true
		}
	}
	c.fields = append(c.fields, trimCR(c.text[at:]))
	return len(c.text), true
}

// badRow steps over the record as a Cutter sees it.
func (c *CSV) badRow(start, at int, err error) Row {
	cut := NewQuoteCutter(c.delim)
	rest := c.text[start:]
	end := len(c.text)
	if n := cut.First(bytesOf(rest)); n > 0 {
		end = start + n
	}
	c.at = end
	return Row{Start: start, End: end, Err: err, ErrAt: at}
}

// A TSV splits a text into lines of fields without quotes: \t, \n, \r and \\ in a field stand for tab, newline,
// carriage return and backslash, and a backslash before anything else for itself. It is used like a CSV.
type TSV struct {
	text string
	at   int
	rowCutter
}

// NewTSV makes a scanner for fields that are separated by delim, usually a tab.
func NewTSV(delim byte) *TSV { return &TSV{rowCutter: rowCutter{delim: delim, special: '\\'}} }

// Reset starts at the beginning of text, which must begin at the start of a line.
func (t *TSV) Reset(text string) {
	t.text, t.at = text, 0
	t.reset()
}

// Next returns the next record; ok is false after the last one.
func (t *TSV) Next() (row Row, ok bool) {
	start := t.at
	if start >= len(t.text) {
		return Row{}, false
	}
	next := t.cut(t.text, start)
	if next < 0 {
		next = t.escapedRow(start)
	}
	t.at = next
	return Row{Fields: t.fields, Start: start, End: next, Blank: t.blank()}, true
}

// escapedRow cuts a line that may hold escapes.
func (t *TSV) escapedRow(start int) (next int) {
	end, next := lineEnd(t.text, start)
	t.fields = splitFields(t.fields[:0], t.text[start:end], t.delim)
	for i, f := range t.fields {
		t.fields[i] = unescapeTSV(f)
	}
	return next
}

func splitFields(fields []string, line string, delim byte) []string {
	for {
		i := strings.IndexByte(line, delim)
		if i < 0 {
			return append(fields, line)
		}
		fields = append(fields, line[:i])
		line = line[i+1:]
	}
}

var tsvEscapes = [256]byte{'t': '\t', 'n': '\n', 'r': '\r', '\\': '\\'}

func unescapeTSV(field string) string {
	if strings.IndexByte(field, '\\') < 0 {
		return field
	}
	out := make([]byte, 0, len(field))
	for i := 0; i < len(field); i++ {
		if field[i] == '\\' && i+1 < len(field) && tsvEscapes[field[i+1]] != 0 {
			i++
			out = append(out, tsvEscapes[field[i]])
			continue
		}
		out = append(out, field[i])
	}
	return View(out)
}
