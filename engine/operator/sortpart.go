package operator

import (
	"unsafe"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
)

// A sortPart is some records of a sort in memory with their keys and ordinals. Where the records are the texts that their
// keys are made of, there is nothing but keys: it does not show which of two equal ones comes first.
type sortPart struct {
	keys    texts // or none: the order is that of the ordinals
	holds   holding
	lines   texts
	records rows
	ords    []chunk.Ordinal
}

// holding says where a part has its records.
type holding uint8

const (
	inRows  holding = iota
	inLines         // they are texts
	inKeys          // there is nothing but keys
)

// holdingOf is where a part has the records of a column.
func holdingOf(records *chunk.Column) holding {
	if records.Kind == chunk.String {
		return inLines
	}
	return inRows
}

func (p *sortPart) len() int {
	if p.holds == inKeys {
		return p.keys.len()
	}
	return len(p.ords)
}

// size is the heap size in bytes.
func (p *sortPart) size() int64 {
	return p.keys.size() + p.lines.size() + p.records.size() + int64(int(unsafe.Sizeof(chunk.Ordinal{}))*cap(p.ords))
}

// full reports whether offsets of texts may not be able to tell where so many bytes more are.
func (p *sortPart) full(bytes int) bool {
	return max(len(p.keys.bytes), len(p.lines.bytes))+bytes > mostTextBytes
}

func (p *sortPart) key(i int) string {
	if p.keys.len() == 0 {
		return ""
	}
	return p.keys.at(i)
}

func (p *sortPart) ordinal(i int) chunk.Ordinal {
	if p.holds == inKeys {
		return chunk.Ordinal{}
	}
	return p.ords[i]
}

// add adds records, which are texts where the part has lines.
func (p *sortPart) add(in *sortInput) {
	p.keys.appendRows(in.keys, nil)
	if p.holds == inLines {
		p.lines.appendRows(in.records.Strings[:in.records.N], in.rows)
	} else {
		p.records.appendRows(in.records, in.rows)
	}
	p.ords = append(reserve(p.ords, len(in.ords)), in.ords...)
}

// reuse forgets the records, to which nobody refers any more, and keeps the memory.
func (p *sortPart) reuse() {
	p.keys.reuse()
	p.lines.reuse()
	p.records.reuse()
	p.ords = p.ords[:0]
}

// appendRecord appends record i to a column. Texts are views of the part.
func (p *sortPart) appendRecord(to *chunk.Column, i int) {
	switch p.holds {
	case inKeys:
		to.AppendString(value.OrderedString(p.keys.at(i)))
	case inLines:
		to.AppendString(p.lines.at(i))
	default:
		to.AppendFrom(&p.records.Column, i)
	}
}

// recordSize is the size of record i.
func (p *sortPart) recordSize(i int) int64 {
	switch p.holds {
	case inKeys:
		return 16 + int64(len(p.keys.at(i)))
	case inLines:
		return 16 + int64(len(p.lines.at(i)))
	}
	return sizeAt(&p.records.Column, i)
}

// arrange makes a part of records of others, which hold them alike. Nothing of theirs is referred to.
func arrange(parts []*sortPart, order []rowPlace) *sortPart {
	p := &sortPart{holds: parts[0].holds}
	keys, lines, records := make([]*texts, len(parts)), make([]*texts, len(parts)), make([]*rows, len(parts))
	for i, from := range parts {
		keys[i], lines[i], records[i] = &from.keys, &from.lines, &from.records
	}
	if parts[0].keys.len() > 0 {
		p.keys = gatherTexts(keys, order)
	}
	switch p.holds {
	case inKeys:
		return p
	case inLines:
		p.lines = gatherTexts(lines, order)
	default:
		p.records.gather(records, order)
	}
	p.ords = make([]chunk.Ordinal, len(order))
	for i, at := range order {
		p.ords[i] = parts[at.column].ords[at.row]
	}
	return p
}
