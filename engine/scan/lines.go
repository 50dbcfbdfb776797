package scan

import "strings"

// Lines walks over the lines of a text. The zero Lines has none; use it by value.
type Lines struct {
	rest string
	next int
}

// NewLines starts at the beginning of text, which must begin at the start of a line.
func NewLines(text string) Lines { return Lines{rest: text} }

// Next returns the next line without its end, and the offset at which it begins in the text. The last line may
// lack its '\n'; after a final '\n' there is no further line.
func (l *Lines) Next() (line string, start int, ok bool) {
	if l.rest == "" {
		return "", l.next, false
	}
	start = l.next
	end := strings.IndexByte(l.rest, '\n')
	if end < 0 {
		line, l.rest = l.rest, ""
		l.next += len(line)
		return trimCR(line), start, true
	}
	line, l.rest = l.rest[:end], l.rest[end+1:]
	l.next += end + 1
	return trimCR(line), start, true
}

func trimCR(line string) string {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}
