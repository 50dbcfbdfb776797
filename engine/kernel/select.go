package kernel

import (
	"fmt"
	"strings"

	"github.com/flowsh/flowsh/engine/value"
	"go.starlark.net/starlark"
)

// Select takes the selector's part of a record.
func (s *Selector) Select(record starlark.Value) (starlark.Value, error) {
	switch {
	case s.Whole:
		return record, nil
	case s.Elements != nil:
		t := make(starlark.Tuple, len(s.Elements))
		for i, e := range s.Elements {
			v, err := e.Select(record)
			if err != nil {
				return nil, err
			}
			t[i] = v
		}
		return t, nil
	case s.ByIndex:
		return s.element(record)
	}
	return s.field(record)
}

func (s *Selector) field(record starlark.Value) (starlark.Value, error) {
	switch r := record.(type) {
	case *starlark.Dict:
		if v, ok, _ := r.Get(starlark.String(s.Field)); ok {
			return v, nil
		}
		return nil, fmt.Errorf("record has no field %q%s; for a field that may be missing write lambda r: r.get(%q)", s.Field, known(r), s.Field)
	case starlark.HasAttrs:
		if v, err := r.Attr(s.Field); err == nil && v != nil && record.Type() == "struct" {
			return v, nil
		}
	}
	return nil, fmt.Errorf("field %q of %s: only dicts have fields (this record is %s)", s.Field, value.Article(record.Type()), value.Cut(record, 60))
}

func known(d *starlark.Dict) string {
	var names []string
	for _, k := range d.Keys() {
		if s, ok := starlark.AsString(k); ok && len(names) < 12 {
			names = append(names, s)
		}
	}
	if names == nil {
		return ""
	}
	return " (it has " + strings.Join(names, ", ") + ")"
}

func (s *Selector) element(record starlark.Value) (starlark.Value, error) {
	seq, ok := record.(starlark.Indexable)
	if _, text := record.(starlark.String); !ok || text {
		return nil, fmt.Errorf("index %d of %s: only tuples and lists have elements (this record is %s)", s.Index, value.Article(record.Type()), value.Cut(record, 60))
	}
	i := s.Index
	if i < 0 {
		i += seq.Len()
	}
	if i < 0 || i >= seq.Len() {
		return nil, fmt.Errorf("record has no element %d: it has %d elements", s.Index, seq.Len())
	}
	return seq.Index(i), nil
}
