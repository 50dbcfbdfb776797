package operator

import (
	"github.com/flowsh/flowsh/engine/chunk"
)

// A Prober matches left records for one worker.
type Prober struct {
	join   *Join
	keys   keyBatch
	groups []int32
	left   []int32
	right  []int32
	run    *joinRun // of a Join that has spilled
}

// NewProber makes a Prober; the right side is sealed.
func (j *Join) NewProber() *Prober {
	p := &Prober{join: j}
	if j.spilled != nil {
		p.run = j.spilled.newLeftRun()
	}
	return p
}

// Add takes left records to the sorted runs of a Join that has spilled; base is the place of the first among all left
// records. Of a key that cannot be one it returns a *KeyError and how many records stand before it.
func (p *Prober) Add(keys, records *chunk.Column, base uint64) (n int, err error) {
	return p.run.addKeys(keys, records, base)
}

// Flush ends what Add has taken.
func (p *Prober) Flush() error {
	if p.run == nil {
		return nil
	}
	return p.run.run.Flush()
}

// Match looks up left records in a Join in memory. Of a key that cannot be one it returns a *KeyError, and Matches of
// the records before it.
func (p *Prober) Match(keys, records *chunk.Column) (*Matches, error) {
	p.groups = sized(p.groups, keys.N)
	n, err := 0, error(nil)
	for n < keys.N && err == nil {
		if failed := p.keys.load(keys, n, min(n+runKeys, keys.N)); failed != nil {
			err = &KeyError{Err: failed}
		}
		p.join.seek(&p.keys, p.groups[n:n+len(p.keys.keys)])
		n += len(p.keys.keys)
	}
	p.join.note(p.groups[:n])
	return &Matches{prober: p, left: records, groups: p.groups[:n]}, err
}

// Matches are left records with what they met. They last until the next call of Match, or, once Keep was called, as
// long as they are used.
type Matches struct {
	prober *Prober
	left   *chunk.Column
	groups []int32 // of the left records, -1 without a match
	at     int     // the next left record
	// Copy says that what comes out must not be the left records themselves, which are used again.
	Copy bool
	from int32 // of its matches, the next one
}

// Len is how many left records there are.
func (m *Matches) Len() int { return len(m.groups) }

// Found is how many of them have a match.
func (m *Matches) Found() int {
	n := len(m.groups)
	for _, g := range m.groups {
		n += int(g >> 31) // -1 without a match
	}
	return n
}

// Records is how many records will come out.
func (m *Matches) Records() (n int64) {
	j := m.prober.join
	if j.single() {
		if j.LoneLeft {
			return int64(len(m.groups))
		}
		return int64(m.Found())
	}
	for _, g := range m.groups {
		switch {
		case g < 0 && j.LoneLeft, g >= 0 && !j.Pairs && !j.LoneLeft:
			n++
		case g >= 0 && j.Pairs:
			n += j.width(g)
		}
	}
	return n
}

// Keep takes the matches away from their Prober.
func (m *Matches) Keep() {
	m.prober.groups = nil
	m.prober = &Prober{join: m.prober.join}
}

// Next gives the next records, at most limit, or nil when there are no more. The caller owns them, but they refer to
// what the left records refer to.
func (m *Matches) Next(limit int) *chunk.Column {
	m.take(limit)
	left, right := m.prober.left, m.prober.right
	if len(left) == 0 {
		return nil
	}
	out := new(chunk.Column)
	if !m.Copy && len(left) == m.left.N && everyOnce(left) {
		*out = *m.left
	} else {
		gatherColumn(out, m.left, left)
	}
	if !m.prober.join.Pairs {
		return out
	}
	fields := []chunk.Column{*out, {}}
	j := m.prober.join
	if j.Typed && j.LoneLeft && typed(j.sealed.Column) {
		j.sealed.gatherMaybe(&fields[1], right)
	} else {
		j.sealed.gatherFound(&fields[1], right)
	}
	return &chunk.Column{Kind: chunk.Tuple, N: len(left), Fields: fields}
}

// everyOnce says that numbers, which do not decrease, are 0, 1, 2 and so on.
func everyOnce(numbers []int32) bool {
	for i, n := range numbers {
		if n != int32(i) {
			return false
		}
	}
	return true
}

// Left is the numbers of the left records that Next gave, until it is called again.
func (m *Matches) Left() []int32 { return m.prober.left }

// Right is the numbers of the right records that Next gave, in the order in which they were added, -1 for None; it is
// empty where there are no pairs.
func (m *Matches) Right() []int32 { return m.prober.right }

// take fills left and right with the numbers of the next records, -1 for None.
func (m *Matches) take(limit int) {
	p, j := m.prober, m.prober.join
	if j.single() && m.at == 0 && len(m.groups) <= limit {
		m.takeAll()
		return
	}
	p.left, p.right = p.left[:0], p.right[:0]
	for ; m.at < len(m.groups) && len(p.left) < limit; m.at++ {
		g := m.groups[m.at]
		switch {
		case g < 0 && j.LoneLeft:
			p.left, p.right = append(p.left, int32(m.at)), append(p.right, -1)
		case g < 0 || !j.Pairs && j.LoneLeft:
		case !j.Pairs:
			p.left = append(p.left, int32(m.at))
		default:
			if !m.takePairs(g, limit) {
				return
			}
		}
	}
}

// takeAll is take of all records, where each has one match at most.
func (m *Matches) takeAll() {
	p := m.prober
	p.left, p.right = sized(p.left, len(m.groups)), sized(p.right, len(m.groups))
	n, lone := 0, 0
	if p.join.LoneLeft {
		lone = 1
	}
	left, right := p.left, p.right[:len(p.left)]
	for i, g := range m.groups {
		left[n], right[n] = int32(i), g // the next one takes its place if it does not come out
		n += int(g>>31) + 1 | lone
	}
	p.left, p.right, m.at = left[:n], right[:n], len(m.groups)
}

// takePairs takes the pairs of a left record; it reports whether these were all.
func (m *Matches) takePairs(g int32, limit int) bool {
	p, j := m.prober, m.prober.join
	width := int32(j.width(g))
	for m.from < width {
		if len(p.left) == limit {
			return false
		}
		p.left, p.right = append(p.left, int32(m.at)), append(p.right, j.member(g, m.from))
		m.from++
	}
	m.from = 0
	return true
}

// seek finds the groups of a run of keys, -1 for keys that are not in the table, which it does not change.
func (t *Table) seek(k *keyBatch, groups []int32) {
	if len(t.slots) == 0 {
		for i := range groups {
			groups[i] = -1
		}
		return
	}
	t.touch(k.keys)
	slots, shift, entries := t.slots, t.shift, t.entries
	mask := uint64(len(slots) - 1)
	for i := range groups {
		key := &k.keys[i]
		group := int32(-1)
		for at := key.hash >> shift; ; at++ {
			slot := slots[at&mask]
			if uint32(slot) == 0 {
				break
			}
			if (slot^key.hash)>>halfBits != 0 {
				continue
			}
			g := int32(uint32(slot) - 1)
			if e := &entries[g]; (e.a^key.a)|(e.b^key.b)|(e.size^key.size) == 0 && key.short() || t.has(g, k, i) {
				group = g
				break
			}
		}
		groups[i] = group
	}
}
