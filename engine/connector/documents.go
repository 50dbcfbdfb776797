package connector

import (
	"strings"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/scan"
)

// A Documenter is a Source that can decode the JSON texts which its records are.
type Documenter interface {
	// NewDocuments makes a decoder for one goroutine, as NewDecoder does, whose batches have documents with the
	// members at the paths, as Projector has them; ok is false if its records are no lines.
	NewDocuments(paths [][]string) (d Decoder, ok bool)
}

// NewDocuments implements Documenter.
func (s *fileSource) NewDocuments(paths [][]string) (Decoder, bool) {
	if s.spec.Format != "lines" || s.spec.Origin {
		return nil, false
	}
	return &documentDecoder{lines: decoder{source: s, parser: linesParser{}}, rows: scan.NewProjection(paths)}, true
}

// A documentDecoder gives lines and what stands in them.
type documentDecoder struct {
	lines decoder
	rows  *scan.Projection
	found chunk.Column
}

// maxBrackets is how many brackets a text may have: of more, json.decode may say that they nest too deep.
const maxBrackets = 1000

// Decode implements Decoder. A line that is no JSON text has no document.
func (d *documentDecoder) Decode(b *Block, out *chunk.Batch, bad func(*RecordError) error) error {
	if err := d.lines.Decode(b, out, bad); err != nil {
		return err
	}
	d.found.Reset()
	row := d.rows.Row()
	for _, line := range out.Strings[:out.N] {
		if len(line) > maxBrackets && strings.Count(line, "[")+strings.Count(line, "{") > maxBrackets || d.rows.Project(line) != nil {
			out.DocumentAt = append(out.DocumentAt, -1)
			continue
		}
		out.DocumentAt = append(out.DocumentAt, int32(d.found.N))
		appendMember(&d.found, row)
	}
	out.Documents = &d.found
	return nil
}
