package scan

import (
	"encoding/binary"
	"strings"

	"go.starlark.net/starlark"
)

// A Projection decodes a few members of JSON objects and checks the rest of the text without building values.
// It is used by one goroutine at a time.
type Projection struct {
	json JSON
	root Member
	all  []*Member // root and all below it

	skipped int // members that stand for what is not wanted
}

// Objects of which nothing is wanted are known by their keys where there are few kinds of them, with few keys.
const (
	maxSkipped     = 64
	maxSkippedKeys = 64
)

// A MemberKind says what a wanted member is in a row.
type MemberKind uint8

// The kinds of members. Every other value, such as a list or a big integer, is Boxed.
const (
	Missing MemberKind = iota
	Null
	Bool
	Int
	Float
	String
	Object // only some of its members are wanted: they stand in Members
	Boxed
)

// A Member is the row, or something in it on the way to the end of a path, and what it is in the row that was
// read last.
type Member struct {
	Key     string
	Names   []string  // keys of Members, in their order
	Members []*Member // what is wanted of an object
	Whole   bool      // all of it is wanted

	Kind  MemberKind
	Int   int64 // Int; Bool: 1 or 0
	Float float64
	Text  string         // String: a view of the row if it has no escapes
	Value starlark.Value // Boxed: frozen

	keys map[string]*rowKey
	head rowKey // stands before the first key
}

// A rowKey is a key of an object that was seen before. next is the key that came after it the last time: rows of
// a file mostly have the same keys in the same order, so a comparison replaces scanning and looking it up.
type rowKey struct {
	literal string  // with its quotes and the colon
	word    uint64  // its first eight bytes, as far as there are
	mask    uint64  // of the bytes of word that count
	tail    uint64  // its last eight bytes, if there are more
	member  *Member // nil if it is not wanted
	below   *Member // stands for the objects in what is not wanted; nil: there was none
	next    *rowKey
}

// NewProjection wants the members at these paths: {"user", "id"} is member id of the object that is member user
// of the row. One path may be the beginning of another, and the empty path is the row.
func NewProjection(paths [][]string) *Projection {
	p := &Projection{}
	p.json.keys = make(map[string]*jsonKey)
	p.all = append(p.all, &p.root)
	for _, path := range paths {
		m := &p.root
		for _, key := range path {
			if m.Whole {
				break
			}
			m = p.descend(m, key)
		}
		m.Whole, m.Members, m.Names = true, nil, nil
	}
	return p
}

// descend returns the member for a key and adds it if there is none.
func (p *Projection) descend(m *Member, key string) *Member {
	if c := m.member(key); c != nil {
		return c
	}
	c := &Member{Key: key}
	m.Members, m.Names = append(m.Members, c), append(m.Names, key)
	p.all = append(p.all, c)
	return c
}

func (m *Member) member(key string) *Member {
	for _, c := range m.Members {
		if c.Key == key {
			return c
		}
	}
	return nil
}

// Row is the member that stands for the row.
func (p *Projection) Row() *Member { return &p.root }

// Project reads a row into Row and what is below it, which hold until the next call. The error is what Decode
// returns for the row, whichever part of it is wrong.
func (p *Projection) Project(row string) error {
	p.clear()
	p.json.text = row
	if at := p.read(&p.root, skipBlanks(row, 0), 0); at >= 0 && skipBlanks(row, at) == len(row) {
		return nil
	}
	whole, err := p.json.Decode(row)
	p.clear()
	if err != nil {
		return err
	}
	p.root.pick(whole)
	return nil
}

func (p *Projection) clear() {
	for _, m := range p.all {
		if m.Kind == Boxed {
			m.Value = nil
		}
		m.Kind = Missing
	}
}

// pick takes what is wanted from a decoded value.
func (m *Member) pick(v starlark.Value) {
	dict, ok := v.(*starlark.Dict)
	if m.Whole || !ok {
		m.set(v)
		return
	}
	m.Kind = Object
	for _, c := range m.Members {
		if v, found, _ := dict.Get(starlark.String(c.Key)); found { // a string is hashable
			c.pick(v)
		}
	}
}

func (m *Member) set(v starlark.Value) {
	switch v := v.(type) {
	case starlark.NoneType:
		m.Kind = Null
	case starlark.Bool:
		m.setBool(bool(v))
	case starlark.Float:
		m.Kind, m.Float = Float, float64(v)
	case starlark.String:
		m.Kind, m.Text = String, string(v)
	case starlark.Int:
		if i, ok := v.Int64(); ok {
			m.Kind, m.Int = Int, i
			return
		}
		m.Kind, m.Value = Boxed, v
	default:
		m.Kind, m.Value = Boxed, v
	}
}

func (m *Member) setBool(b bool) {
	m.Kind, m.Int = Bool, 0
	if b {
		m.Int = 1
	}
}

// read reads the value at an offset into m. Like everything below it returns the offset after it, or -1 for what
// is not plainly valid or not usual: the row is then decoded whole.
func (p *Projection) read(m *Member, at, depth int) int {
	text := p.json.text
	if at >= len(text) {
		return -1
	}
	switch b := text[at]; b {
	case '"':
		if end := plainPrefix(text, at+1); end < len(text) && text[end] == '"' {
			m.Kind, m.Text = String, text[at+1:end]
			return end + 1
		}
	case '{':
		if !m.Whole {
			return p.object(m, at, depth+1)
		}
	case 't':
		m.setBool(true)
		return skipWord(text, at, "true")
	case 'f':
		m.setBool(false)
		return skipWord(text, at, "false")
	case 'n':
		m.Kind = Null
		return skipWord(text, at, "null")
	default:
		if isDigit(b) || b == '-' {
			return p.number(m, at, depth)
		}
	}
	return p.box(m, at, depth)
}

// number reads a number. Those of more than 18 characters may be beyond int64.
func (p *Projection) number(m *Member, at, depth int) int {
	text := p.json.text
	end, float := numberEnd(text, at)
	switch {
	case end < 0:
		return -1
	case float:
		x, err := ParseFloat(text[at:end])
		if err != nil {
			return -1
		}
		m.Kind, m.Float = Float, x
	case end-at > 18:
		return p.box(m, at, depth)
	default:
		m.Kind, m.Int = Int, smallInt(text[at:end])
	}
	return end
}

// box reads what is not an object of which some members are wanted, nor plain.
func (p *Projection) box(m *Member, at, depth int) int {
	p.json.reset(p.json.text)
	p.json.at, p.json.depth = at, depth
	v, ok := p.json.value()
	if !ok {
		return -1
	}
	v.Freeze()
	m.set(v)
	return p.json.at
}

// object reads an object of which some members are wanted.
func (p *Projection) object(m *Member, at, depth int) int {
	text := p.json.text
	if depth > MaxDepth {
		return -1
	}
	m.Kind = Object
	if at = skipBlanks(text, at+1); at < len(text) && text[at] == '}' {
		return at + 1
	}
	for last := &m.head; ; {
		var c *Member
		if k := last.next; k != nil && k.begins(text, at) {
			c, last = k.member, k
			at += len(k.literal)
		} else if at, c, last = m.key(&p.json, at, last); at < 0 {
			return -1
		}
		if c == nil {
			at = p.skip(last, at, depth)
		} else {
			at = p.wanted(c, at, depth)
		}
		if at < 0 {
			return -1
		}
		next, more := skipComma(text, at, '}')
		if !more {
			return next
		}
		at = skipBlanks(text, next)
	}
}

// skip checks a value that is not wanted; k is the key before it.
func (p *Projection) skip(k *rowKey, at, depth int) int {
	text := p.json.text
	if at < len(text) && (text[at] == '{' || text[at] == '[') {
		if k.below == nil {
			k.below = p.unwanted()
		}
		return p.skipBelow(k.below, at, depth)
	}
	return skipValue(text, at, depth)
}

// unwanted stands for objects of which nothing is wanted: their keys, too, are mostly the same. It is nil where there are
// many of them.
func (p *Projection) unwanted() *Member {
	if p.skipped == maxSkipped {
		return nil
	}
	p.skipped++
	return new(Member)
}

// skipBelow is skipValue of a value in whose objects the keys of a member are seen; nil: of none.
func (p *Projection) skipBelow(m *Member, at, depth int) int {
	text := p.json.text
	if m == nil || len(m.keys) > maxSkippedKeys || at >= len(text) {
		return skipValue(text, at, depth)
	}
	switch text[at] {
	case '{':
		return p.object(m, at, depth+1)
	case '[':
		return p.skipElements(m, at, depth+1)
	}
	return skipValue(text, at, depth)
}

// skipElements is skipArray with the objects in it as skipBelow has them.
func (p *Projection) skipElements(m *Member, at, depth int) int {
	text := p.json.text
	if depth > MaxDepth {
		return -1
	}
	if at = skipBlanks(text, at+1); at < len(text) && text[at] == ']' {
		return at + 1
	}
	for {
		if at = p.skipBelow(m, skipBlanks(text, at), depth); at < 0 {
			return -1
		}
		next, more := skipComma(text, at, ']')
		if !more {
			return next
		}
		at = next
	}
}

func (p *Projection) wanted(m *Member, at, depth int) int {
	if m.Kind != Missing {
		return -1 // the last of two equal keys wins: rare enough to decode the row whole
	}
	return p.read(m, skipBlanks(p.json.text, at), depth)
}

// key reads a member's key and the colon after it; last is the key before it. It remembers what it saw.
func (m *Member) key(d *JSON, at int, last *rowKey) (int, *Member, *rowKey) {
	d.at = at
	key, ok := d.key()
	if !ok {
		return -1, nil, last
	}
	k := m.keys[key]
	if k == nil {
		k = newRowKey(d.text[at:d.at], m.member(key))
		if len(k.literal) != len(key)+len(`"":`) || len(m.keys) == maxKeys || len(key) > maxKeyLen {
			return d.at, k.member, last // written in another way, or not worth keeping
		}
		if m.keys == nil {
			m.keys = make(map[string]*rowKey)
		}
		m.keys[k.literal[1:len(k.literal)-2]] = k
	}
	last.next = k
	return d.at, k.member, k
}

func newRowKey(literal string, m *Member) *rowKey {
	k := &rowKey{literal: strings.Clone(literal), member: m} // a view would keep its block
	for i := range min(len(literal), 8) {
		k.word |= uint64(literal[i]) << (8 * i)
		k.mask |= 0xff << (8 * i)
	}
	if n := len(literal); n > 8 {
		k.tail = binary.LittleEndian.Uint64(bytesOf(literal[n-8:]))
	}
	return k
}

// begins says that the key stands at an offset of a text.
func (k *rowKey) begins(text string, at int) bool {
	if at+8 > len(text) {
		return strings.HasPrefix(text[at:], k.literal)
	}
	if (binary.LittleEndian.Uint64(bytesOf(text[at:]))^k.word)&k.mask != 0 {
		return false
	}
	n := len(k.literal)
	switch {
	case n <= 8:
		return true
	case at+n > len(text):
		return false
	case n <= 16:
		return binary.LittleEndian.Uint64(bytesOf(text[at+n-8:])) == k.tail
	}
	return text[at+8:at+n] == k.literal[8:]
}
