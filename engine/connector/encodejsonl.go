package connector

import "github.com/flowsh/flowsh/engine/chunk"

// A jsonlWriter writes each record as a line of JSON.
type jsonlWriter struct{ json jsonWriter }

func (w *jsonlWriter) appendRows(part *EncodedPart, c *chunk.Column, lo, hi int) error {
	part.Records += hi - lo
	for i := lo; i < hi; i++ {
		dst, err := w.json.appendCell(part.Data, c, i, 0)
		if err != nil {
			d := load(c, i)
			return newEncodeError(i, &d, err)
		}
		part.Data = append(dst, '\n')
	}
	return nil
}
