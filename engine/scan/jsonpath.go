package scan

import (
	"strconv"

	"go.starlark.net/starlark"
)

// A Projection decodes a few members of JSON objects and checks the rest of the text without building values.
// It is used by one goroutine at a time.
type Projection struct {
	json   JSON
	root   member
	values []starlark.Value
	row    uint64 // number of the row, to notice a key that comes twice
}

// A member is a key on the way to the end of a path.
type member struct {
	key      string
	leaves   []int // indexes of the paths that end here
	children []*member
	seen     uint64 // the last row that had it
}

// NewProjection wants the members at these paths: {"user", "id"} is member id of the object that is member user
// of the row. No path may be empty; one may be the beginning of another.
func NewProjection(paths [][]string) *Projection {
	p := &Projection{values: make([]starlark.Value, len(paths))}
	p.json.keys = make(map[string]*jsonKey)
	for i, path := range paths {
		m := &p.root
		for _, key := range path {
			m = m.descend(key)
		}
		m.leaves = append(m.leaves, i)
	}
	return p
}

// descend returns the child for a key and adds it if there is none.
func (m *member) descend(key string) *member {
	if c := m.child(key); c != nil {
		return c
	}
	c := &member{key: key}
	m.children = append(m.children, c)
	return c
}

func (m *member) child(key string) *member {
	for _, c := range m.children {
		if c.key == key {
			return c
		}
	}
	return nil
}

// Project returns the value at each path, frozen, or nil where a member is missing; the slice is reused by the
// next call. ok is false, and values nil, where the row or something on the way to the end of a path is not an
// object: decode such a row whole. The error is what Decode returns for the row, whichever part of it is wrong.
func (p *Projection) Project(row string) (values []starlark.Value, ok bool, err error) {
	clear(p.values)
	p.row++
	p.json.reset(row)
	if p.json.peek() == '{' && p.members(&p.root) && p.json.finished() {
		return p.values, true, nil
	}
	whole, err := decodeSlow(row)
	if err != nil {
		return nil, false, err
	}
	clear(p.values)
	if !p.pick(&p.root, whole) {
		return nil, false, nil
	}
	return p.values, true, nil
}

// pick takes the values below m from a decoded value.
func (p *Projection) pick(m *member, v starlark.Value) bool {
	for _, i := range m.leaves {
		p.values[i] = v
	}
	if len(m.children) == 0 {
		return true
	}
	dict, ok := v.(*starlark.Dict)
	if !ok {
		return false
	}
	for _, c := range m.children {
		v, found, _ := dict.Get(starlark.String(c.key)) // a string is hashable
		if found && !p.pick(c, v) {
			return false
		}
	}
	return true
}

// members reads an object of which some members are wanted. Like everything below it returns false for what is
// not plainly valid or not usual.
func (p *Projection) members(m *member) bool {
	d := &p.json
	closed, ok := d.enter('}')
	if closed || !ok {
		d.depth--
		return ok
	}
	for more := true; more; {
		key, ok := d.key()
		if !ok {
			return false
		}
		if c := m.child(key); c != nil {
			ok = p.member(c)
		} else {
			ok = d.skip()
		}
		if !ok {
			return false
		}
		if more, ok = d.more('}'); !ok {
			return false
		}
	}
	return true
}

func (p *Projection) member(m *member) bool {
	if m.seen == p.row {
		return false // the last of two equal keys wins: rare enough to decode the row whole
	}
	m.seen = p.row
	if len(m.leaves) == 0 {
		return p.json.peek() == '{' && p.members(m)
	}
	v, ok := p.json.value()
	if !ok {
		return false
	}
	v.Freeze()
	return p.pick(m, v)
}

// skip checks a value without building it.
func (d *JSON) skip() bool {
	switch b := d.peek(); b {
	case '"':
		return d.skipString()
	case '{':
		return d.skipContainer('}')
	case '[':
		return d.skipContainer(']')
	case 't':
		return d.word("true")
	case 'f':
		return d.word("false")
	case 'n':
		return d.word("null")
	default:
		return (isDigit(b) || b == '-') && d.skipNumber()
	}
}

func (d *JSON) skipContainer(closing byte) bool {
	closed, ok := d.enter(closing)
	if closed || !ok {
		d.depth--
		return ok
	}
	for more := true; more; {
		if closing == '}' && !d.skipKey() {
			return false
		}
		if !d.skip() {
			return false
		}
		if more, ok = d.more(closing); !ok {
			return false
		}
	}
	return true
}

func (d *JSON) skipKey() bool {
	if d.peek() != '"' || !d.skipString() || d.peek() != ':' {
		return false
	}
	d.at++
	return true
}

func (d *JSON) skipString() bool {
	body, simple, ok := d.literal()
	return ok && (simple || validBody(body))
}

// validBody reports whether encoding/json accepts a string body: it replaces bad UTF-8 and lone surrogates, and
// refuses control characters and unknown escapes.
func validBody(body string) bool {
	for i := 0; i < len(body); i++ {
		switch b := body[i]; {
		case b < ' ':
			return false
		case b == '\\':
			i++
			if body[i] == 'u' {
				if !fourHex(body[i+1:]) {
					return false
				}
				i += 4
			} else if jsonEscapes[body[i]] == 0 {
				return false
			}
		}
	}
	return true
}

func fourHex(s string) bool {
	if len(s) < 4 {
		return false
	}
	for _, b := range []byte(s[:4]) {
		if !isDigit(b) && (b|0x20)-'a' > 5 {
			return false
		}
	}
	return true
}

// skipNumber checks a number. A float may be out of range, so only a short one without an exponent passes
// unparsed.
func (d *JSON) skipNumber() bool {
	text, float := d.numberText()
	if text == "" {
		return false
	}
	if !float || shortDecimal(text) {
		return true
	}
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}

// shortDecimal reports a number of digits with one point inside of them, short enough to be in range.
func shortDecimal(text string) bool {
	points := 0
	for i := range len(text) {
		switch {
		case text[i] == '.':
			points++
		case !isDigit(text[i]):
			return false
		}
	}
	return points == 1 && len(text) < 300
}
