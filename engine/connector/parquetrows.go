package connector

import (
	"encoding/binary"
	"errors"

	"github.com/flowsh/flowsh/engine/chunk"
)

// parquetRows writes records as chunks with their length before them, in which they wait for the file's schema: a
// parquetFile makes the file of them.
type parquetRows struct{}

func (parquetRows) appendRows(part *EncodedPart, c *chunk.Column, lo, hi int) error {
	if lo == hi {
		return nil
	}
	start := len(part.Data)
	data := append(part.Data, 0, 0, 0, 0)
	data, err := chunk.Append(data, chunk.ID{}, &chunk.Batch{Column: c.Slice(lo, hi)}, chunk.Options{})
	switch {
	case errors.Is(err, chunk.ErrTooLarge) && hi-lo > 1:
		middle := lo + (hi-lo)/2
		if err := (parquetRows{}).appendRows(part, c, lo, middle); err != nil {
			return err
		}
		return (parquetRows{}).appendRows(part, c, middle, hi)
	case err != nil:
		d := load(c, lo)
		return newEncodeError(lo, &d, err)
	}
	binary.LittleEndian.PutUint32(data[start:], uint32(len(data)-start-4))
	part.Data = data
	part.Records += hi - lo
	return nil
}
