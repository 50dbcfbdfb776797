package connector

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/value"
	"github.com/parquet-go/parquet-go"
	"go.starlark.net/starlark"
)

// Bounds of a row group, the part of a Parquet file that is held in memory. The records of the first decide the schema.
const (
	groupRecords = 1 << 16
	groupBytes   = 16 << 20 // of what records take as chunks of one record, about
)

// parquetFile turns what parquetRows wrote into a Parquet file: a column for each member of the records' dicts or
// element of their tuples, all optional, compressed by Snappy.
//
// Columns take their types from the first row group. A later record that has another column, or another type in one, is
// an *EncodeError that names it. Close ends the file and leaves w open.
type parquetFile struct {
	layout *layout
	w      io.Writer
	in     []byte // a chunk that is not complete
	batch  chunk.Batch

	first  []starlark.Value // records that wait for the schema
	size   int              // bytes in the row group
	rows   int              // records in the row group
	count  int64            // records before it
	root   *parquetColumn
	file   *parquet.GenericWriter[any]
	leaves [][]parquet.Value
	row    parquet.Row
}

func (f *parquetFile) Write(data []byte) (int, error) {
	written := len(data)
	f.in = append(f.in, data...)
	for {
		if len(f.in) < 4 {
			return written, nil
		}
		n := 4 + int(binary.LittleEndian.Uint32(f.in))
		if len(f.in) < n {
			return written, nil
		}
		if err := f.chunk(f.in[4:n]); err != nil {
			return 0, err
		}
		f.in = append(f.in[:0], f.in[n:]...)
	}
}

func (f *parquetFile) chunk(data []byte) error {
	if _, err := chunk.Decode(data, &f.batch); err != nil {
		return err
	}
	for i := range f.batch.N {
		if err := f.record(f.batch.Column.At(i)); err != nil {
			return err
		}
	}
	return nil
}

// record adds a record to the row group.
func (f *parquetFile) record(v starlark.Value) error {
	v, err := f.columns(v)
	if err != nil {
		return f.refuse(v, err)
	}
	size := sizeOf(v)
	if f.rows == groupRecords || f.rows > 0 && f.size+size > groupBytes {
		if err := f.endGroup(); err != nil {
			return err
		}
	}
	f.rows++
	f.size += size
	if f.file == nil {
		f.first = append(f.first, v)
		return nil
	}
	return f.write(v)
}

// endGroup writes the row group.
func (f *parquetFile) endGroup() error {
	if err := f.begin(); err != nil {
		return err
	}
	f.count += int64(f.rows)
	f.rows, f.size = 0, 0
	return f.file.Flush()
}

// begin decides the schema, and writes the records that have waited for it.
func (f *parquetFile) begin() error {
	if f.file != nil {
		return nil
	}
	f.root = &parquetColumn{kind: groupColumn}
	for _, name := range f.layout.Columns {
		f.root.add(name)
	}
	f.rows = 0
	for _, v := range f.first {
		f.rows++
		if err := f.root.see(v); err != nil {
			return f.refuse(v, err)
		}
	}
	if len(f.root.fields) == 0 {
		f.root.add("value") // a file has a column
	}
	f.leaves = make([][]parquet.Value, f.root.number(0))
	f.file = parquet.NewGenericWriter[any](f.w, parquet.NewSchema("record", f.root.group()),
		parquet.Compression(&parquet.Snappy), parquet.CreatedBy("flowsh", "", ""))
	f.rows = 0
	for _, v := range f.first {
		f.rows++
		if err := f.write(v); err != nil {
			return err
		}
	}
	f.first = nil
	return nil
}

func (f *parquetFile) write(v starlark.Value) error {
	for i := range f.leaves {
		f.leaves[i] = f.leaves[i][:0]
	}
	if err := f.root.record(f.leaves, v); err != nil {
		return f.refuse(v, err)
	}
	f.row = f.row[:0]
	for _, leaf := range f.leaves {
		f.row = append(f.row, leaf...)
	}
	_, err := f.file.WriteRows([]parquet.Row{f.row})
	return err
}

func (f *parquetFile) Close() error {
	if len(f.in) > 0 {
		return errors.New("a chunk of records is cut short")
	}
	if err := f.begin(); err != nil {
		return err
	}
	return f.file.Close()
}

// columns gives a record as a dict of its columns.
func (f *parquetFile) columns(v starlark.Value) (starlark.Value, error) {
	d := unbox(v)
	names := f.layout.Columns
	if t, ok := v.(starlark.Tuple); ok {
		if names != nil && len(names) != len(t) {
			return v, fmt.Errorf("it has %s, and columns= names %d", count(len(t), "element"), len(names))
		}
		all := starlark.NewDict(len(t))
		for i, e := range t {
			name := fmt.Sprintf("column%d", i)
			if names != nil {
				name = names[i]
			}
			_ = all.SetKey(starlark.String(name), e) // a new dict takes any string key
		}
		return all, nil
	}
	items, err := itemsOf(&d)
	if err != nil {
		return v, err
	}
	switch mapping := d.kind == chunk.Record; {
	case !mapping && len(names) > 1:
		return v, fmt.Errorf("it is one value, and columns= names %d", len(names))
	case !mapping:
		name := "value"
		if names != nil {
			name = names[0]
		}
		items = []starlark.Tuple{{starlark.String(name), v}}
	}
	all := starlark.NewDict(len(items))
	for _, item := range items {
		if names == nil || slices.Contains(names, string(item[0].(starlark.String))) {
			if err := all.SetKey(item[0], item[1]); err != nil {
				return v, err
			}
		}
	}
	return all, nil
}

// refuse is the error of the record that was added last.
func (f *parquetFile) refuse(v starlark.Value, err error) error {
	number := f.count + int64(max(f.rows, 1))
	e := &EncodeError{Target: f.layout.Target, Record: int(number - 1), Text: value.Cut(v, value.CutLimit)}
	if inside, ok := err.(*fieldError); ok {
		e.Field, err = inside.field(), inside.err
	}
	e.Err = fmt.Errorf("it is number %d of its file: %w", number, err)
	return e
}

// sizeOf is about what a value takes in memory.
func sizeOf(v starlark.Value) int {
	const each = 16
	switch v := v.(type) {
	case starlark.String:
		return each + len(v)
	case starlark.Bytes:
		return each + len(v)
	case starlark.IterableMapping:
		n := each
		for _, item := range v.Items() {
			n += sizeOf(item[0]) + sizeOf(item[1])
		}
		return n
	case starlark.Iterable:
		n := each
		for e := range starlark.Elements(v) {
			n += sizeOf(e)
		}
		return n
	}
	return each
}

// parquetName refuses a column's name that the format's library cannot take.
func parquetName(name string) error {
	if name == "" || strings.ContainsRune(name, ',') {
		return fmt.Errorf("%q cannot be the name of a column of a Parquet file: say columns=, or rename it", name)
	}
	return nil
}
