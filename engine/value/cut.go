package value

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
	"go.starlark.net/syntax"
)

// CutLimit is how much of a record an error message shows, in bytes.
const CutLimit = 1 << 10

const ellipsis = "..."

// Cut is the text of v as Starlark's repr gives it, but at most limit bytes of valid UTF-8; what is left out is
// marked with "...". However large v is, hardly more than that is built. limit is at least 16.
func Cut(v starlark.Value, limit int) string {
	limit = max(limit, 16)
	p := printer{limit: limit}
	p.print(v)
	text := p.out.String()
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, string(utf8.RuneError))
	}
	if len(text) <= limit {
		return text
	}
	end := limit - len(ellipsis)
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}

// A printer writes until it has more than its limit.
type printer struct {
	out   strings.Builder
	limit int
	path  []Identity // containers that are being printed
}

func (p *printer) full() bool { return p.out.Len() > p.limit }

func (p *printer) print(v starlark.Value) {
	switch v := v.(type) {
	case nil:
		p.out.WriteString("<nil>")
	case starlark.String:
		p.out.WriteString(syntax.Quote(p.head(string(v)), false))
	case starlark.Bytes:
		p.out.WriteString(syntax.Quote(p.head(string(v)), true))
	case starlark.Int:
		p.printInt(v)
	case starlark.Tuple, *starlark.List, *starlark.Dict, *starlark.Set, *starlarkstruct.Struct:
		p.printContainer(v)
	default:
		p.out.WriteString(v.String())
	}
}

// head is as much of s as can be of use.
func (p *printer) head(s string) string { return s[:min(len(s), p.limit+utf8.UTFMax)] }

// printInt does not write out an int whose decimal form would take long to find.
func (p *printer) printInt(i starlark.Int) {
	if _, ok := i.Int64(); !ok {
		if n := i.BigInt().BitLen(); n > 4*max(p.limit, CutLimit) {
			fmt.Fprintf(&p.out, "<int of %d bits>", n)
			return
		}
	}
	p.out.WriteString(i.String())
}

func (p *printer) printContainer(v starlark.Value) {
	id, _ := Identify(v)
	if len(p.path) >= MaxDepth || p.onPath(id) {
		p.out.WriteString(closed(v))
		return
	}
	p.path = append(p.path, id)
	defer func() { p.path = p.path[:len(p.path)-1] }()
	switch v := v.(type) {
	case starlark.Tuple:
		p.printTuple(v)
	case *starlark.List:
		p.printAll("[", v, "]")
	case *starlark.Set:
		p.printAll("set([", v, "])")
	case *starlark.Dict:
		p.printDict(v)
	case *starlarkstruct.Struct:
		p.printStruct(v)
	}
}

// closed is the text of a container that is not looked into.
func closed(v starlark.Value) string {
	switch v.(type) {
	case *starlark.List:
		return "[...]"
	case *starlark.Dict:
		return "{...}"
	}
	return ellipsis
}

func (p *printer) onPath(id Identity) bool {
	for _, open := range p.path {
		if open == id && id.length != 0 {
			return true
		}
	}
	return false
}

func (p *printer) printTuple(t starlark.Tuple) {
	end := ")"
	if len(t) == 1 {
		end = ",)"
	}
	p.printAll("(", t, end)
}

func (p *printer) printAll(begin string, elements starlark.Iterable, end string) {
	p.out.WriteString(begin)
	separator := ""
	for e := range starlark.Elements(elements) {
		if p.full() {
			return
		}
		p.out.WriteString(separator)
		p.print(e)
		separator = ", "
	}
	p.out.WriteString(end)
}

func (p *printer) printDict(d *starlark.Dict) {
	p.out.WriteByte('{')
	separator := ""
	for key, value := range d.Entries() {
		if p.full() {
			return
		}
		p.out.WriteString(separator)
		p.print(key)
		p.out.WriteString(": ")
		p.print(value)
		separator = ", "
	}
	p.out.WriteByte('}')
}

func (p *printer) printStruct(s *starlarkstruct.Struct) {
	if name, ok := s.Constructor().(starlark.String); ok {
		p.out.WriteString(p.head(string(name)))
	} else {
		p.print(s.Constructor())
	}
	p.out.WriteByte('(')
	separator := ""
	for name, field := range s.Entries() {
		if p.full() {
			return
		}
		p.out.WriteString(separator)
		p.out.WriteString(p.head(name))
		p.out.WriteString(" = ")
		p.print(field)
		separator = ", "
	}
	p.out.WriteByte(')')
}
