package connector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine/scan"
)

const headerBlock = 4 << 10 // bytes read at once to find a header

// A header says what the fields of a file's records are. It is read-only.
type header struct {
	file   string
	fields []string      // the first record
	names  []string      // of the columns that are wanted; nil: records are tuples of all fields
	pick   []int         // per column the index of its field
	types  []*conversion // per column; nil: it stays text
}

// headerOf is what is known about the columns of a file, nil before its first record was read.
func (s *fileSource) headerOf(path string) *header {
	f := s.file(path)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.header
}

// readHeader learns the columns of a file from its beginning, unless they are known. An empty file has none.
func (s *fileSource) readHeader(ctx context.Context, split Split) error {
	if s.headerOf(split.File) != nil {
		return nil
	}
	split.Start = 0
	if split.End >= 0 {
		split.End = 1 // the first record is the one that begins before
	}
	in, err := s.openInput(ctx, &split)
	if err != nil {
		return err
	}
	defer in.release()
	r, err := s.newRun(ctx, []Split{split}, in)
	if err != nil {
		return err
	}
	r.block = min(r.block, headerBlock)
	for s.headerOf(split.File) == nil {
		if _, err := r.next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// takeHeader learns the columns from the beginning of a file's text and returns the length of the header there.
func (s *fileSource) takeHeader(in *input, offset int64, data []byte) (int, error) {
	h := &header{file: in.name(), fields: s.spec.Columns}
	end := 0
	if s.spec.Header || len(s.spec.Columns) == 0 {
		rows := s.newRows()
		rows.Reset(scan.View(data))
		row, _ := rows.Next()
		if row.Err != nil {
			return 0, in.at(offset+int64(row.ErrAt), row.Err)
		}
		h.fields = cloneAll(row.Fields)
		end = row.End
	}
	if err := s.layOut(h); err != nil {
		return 0, in.whole(err)
	}
	h, err := s.agree(h)
	if err != nil {
		return 0, in.whole(err)
	}
	in.known.mu.Lock()
	defer in.known.mu.Unlock()
	in.known.header = h
	if !s.spec.Header {
		end = 0
	}
	return end, nil
}

func cloneAll(texts []string) []string {
	clones := make([]string, len(texts))
	for i, t := range texts {
		clones[i] = strings.Clone(t) // a view would keep its block
	}
	return clones
}

// layOut decides which fields become columns, and how.
func (s *fileSource) layOut(h *header) error {
	if !s.spec.Header && len(s.spec.Columns) == 0 {
		return nil
	}
	if len(h.fields) == 1 && h.fields[0] == "" {
		return errors.New("its first line, which must name the columns, is empty")
	}
	if name, ok := duplicate(h.fields); ok {
		return fmt.Errorf("its first line names the column %q twice; rename one there, or leave that line out and give header = False, columns = [...]", name)
	}
	h.names = h.fields
	if len(s.spec.Columns) > 0 {
		h.names = s.spec.Columns
	}
	for _, name := range h.names {
		i := slices.Index(h.fields, name)
		if i < 0 {
			return s.missing(name, h)
		}
		h.pick = append(h.pick, i)
	}
	return s.setTypes(h)
}

// missing is the error for a column that columns = [...] names and the first line does not. As many columns as that
// line has fields are perhaps meant to name them.
func (s *fileSource) missing(name string, h *header) error {
	hint := ""
	if len(s.spec.Columns) == len(h.fields) {
		hint = "; if that line is a record, give header = False"
	}
	return fmt.Errorf("has no column %q; its first line names %s%s", name, list(h.fields), hint)
}

func (s *fileSource) setTypes(h *header) error {
	h.types = make([]*conversion, len(h.names))
	for _, t := range s.spec.Types {
		i := slices.Index(h.names, t.Column)
		if i < 0 {
			return fmt.Errorf("types names a column %q; there are %s", t.Column, list(h.names))
		}
		h.types[i] = conversions[t.Type]
	}
	return nil
}

// agree compares the columns of a file with those of the first one, and returns the latter, so that all batches
// share the names.
func (s *fileSource) agree(h *header) (*header, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.header
	switch {
	case first == nil:
		s.header = h
		return h, nil
	case s.spec.Header && !slices.Equal(h.fields, first.fields):
		return nil, fmt.Errorf("its columns are %s, but those of %s are %s; read files with different columns as different flows",
			list(h.fields), first.file, list(first.fields))
	case len(h.fields) != len(first.fields):
		return nil, fmt.Errorf("its first record has %d fields, but that of %s has %d", len(h.fields), first.file, len(first.fields))
	}
	return first, nil
}

// list is names for a message.
func list(names []string) string {
	const most = 30
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}
