package connector

import (
	"slices"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/scan"
	"go.starlark.net/starlark"
)

// A Projector is a Source that can leave out what no function reads.
type Projector interface {
	// NewProjection makes a decoder for one goroutine, as NewDecoder does, whose records hold only the members at
	// the paths: {"user", "id"} is member id of member user. What is not a dict on the way there, the record
	// itself too, is whole. All of every record is checked all the same, and Batch.Whole gives it.
	NewProjection(paths [][]string) Decoder
}

// NewProjection implements Projector. Records that are not dicts, or are paired with their origin, stay whole.
func (s *fileSource) NewProjection(paths [][]string) Decoder {
	whole := s.NewDecoder().(*decoder)
	if s.spec.Origin {
		return whole
	}
	d := &decoder{source: s, whole: whole.parser}
	switch {
	case s.spec.Format == "jsonl":
		d.parser = newProjectionParser(paths)
	case s.tabular():
		d.parser = &tableParser{source: s, rows: s.newRows(), only: topLevel(paths)}
	default:
		return whole
	}
	return d
}

// topLevel is the first keys of paths, never nil.
func topLevel(paths [][]string) []string {
	keys := []string{}
	for _, path := range paths {
		if len(path) > 0 && !slices.Contains(keys, path[0]) {
			keys = append(keys, path[0])
		}
	}
	return keys
}

// wholeOf gives the records of a decoded block as the script sees them. A record is decoded again by itself, which
// serves those that fail.
func (d *decoder) wholeOf(b *Block, out *chunk.Batch) func(i int) starlark.Value {
	return func(i int) starlark.Value {
		end := len(b.Data)
		if i+1 < len(out.Relative) {
			end = int(out.Relative[i+1])
		}
		one := *b
		one.Data = b.Data[out.Relative[i]:end]
		var c chunk.Column
		skip := func(*badRecord) error { return nil } // bad records may follow this one
		if starts, err := d.whole.parse(&one, &c, nil, skip); err != nil || len(starts) == 0 {
			return out.At(i)
		}
		v := c.At(0)
		v.Freeze()
		return v
	}
}

// A projectionParser gives the wanted members of the value of each line.
type projectionParser struct {
	rows *scan.Projection
}

func newProjectionParser(paths [][]string) *projectionParser {
	return &projectionParser{scan.NewProjection(paths)}
}

func (p *projectionParser) parse(b *Block, out *chunk.Column, starts []uint32, bad func(*badRecord) error) ([]uint32, error) {
	lines := scan.NewLines(scan.View(b.Data))
	row := p.rows.Row()
	for {
		line, start, ok := lines.Next()
		if !ok {
			return starts, nil
		}
		if err := p.rows.Project(line); err != nil {
			if err := bad(&badRecord{start: start, text: line, err: err}); err != nil {
				return starts, err
			}
			continue
		}
		appendMember(out, row)
		starts = append(starts, uint32(start))
	}
}

// appendMember appends what a member is in the row that was read last.
func appendMember(c *chunk.Column, m *scan.Member) {
	switch m.Kind {
	case scan.Missing:
		c.AppendMissing()
	case scan.Null:
		c.Append(starlark.None)
	case scan.Bool:
		c.Append(starlark.Bool(m.Int == 1))
	case scan.Int:
		c.AppendInt(m.Int)
	case scan.Float:
		c.AppendFloat(m.Float)
	case scan.String:
		c.AppendString(m.Text)
	case scan.Object:
		appendObject(c, m)
	default:
		c.Append(m.Value)
	}
}

// appendObject appends the wanted members of an object, typed as long as the column holds nothing else.
func appendObject(c *chunk.Column, m *scan.Member) {
	if c.Kind == chunk.Empty {
		beRecords(c, m.Names)
	}
	if c.Kind != chunk.Record {
		c.Append(dictOf(m))
		return
	}
	for i, member := range m.Members {
		appendMember(&c.Fields[i], member)
	}
	c.N++
}

// beRecords makes an empty column one of records, which may have no keys.
func beRecords(c *chunk.Column, names []string) {
	if !c.BecomeRecord(names) {
		c.Kind, c.Names, c.Fields = chunk.Record, names, c.Fields[:0]
	}
}

// dictOf is the wanted members of an object as a frozen dict.
func dictOf(m *scan.Member) starlark.Value {
	d := starlark.NewDict(len(m.Members))
	for _, member := range m.Members {
		if v := valueOf(member); v != nil {
			_ = d.SetKey(starlark.String(member.Key), v) // a new dict takes any string key
		}
	}
	d.Freeze()
	return d
}

// valueOf is a member as a value, nil if it is missing.
func valueOf(m *scan.Member) starlark.Value {
	switch m.Kind {
	case scan.Null:
		return starlark.None
	case scan.Bool:
		return starlark.Bool(m.Int == 1)
	case scan.Int:
		return starlark.MakeInt64(m.Int)
	case scan.Float:
		return starlark.Float(m.Float)
	case scan.String:
		return starlark.String(m.Text)
	case scan.Object:
		return dictOf(m)
	}
	return m.Value
}
