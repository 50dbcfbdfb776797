package builtins

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// A recordTable is records as aligned columns: the members of dicts and structs under their names, the elements of
// tuples, and everything else as one column.
type recordTable struct {
	names []string // of the columns in the order of their coming
	rows  [][]string
}

func (t *recordTable) add(record starlark.Value) {
	var row []string
	set := func(name string, v starlark.Value) {
		i := slices.Index(t.names, name)
		if i < 0 {
			i = len(t.names)
			t.names = append(t.names, name)
		}
		row = append(row, make([]string, max(0, i+1-len(row)))...)
		row[i] = tableCell(v)
	}
	switch v := record.(type) {
	case *starlark.Dict:
		for _, item := range v.Items() {
			set(tableCell(item[0]), item[1])
		}
	case *starlarkstruct.Struct:
		for _, name := range v.AttrNames() {
			member, err := v.Attr(name)
			if err == nil {
				set(name, member)
			}
		}
	case starlark.Tuple:
		for i, e := range v {
			set(fmt.Sprint(i), e)
		}
	default:
		set("record", v)
	}
	t.rows = append(t.rows, row)
}

// widestCell is how many characters of a cell are shown.
const widestCell = 60

// tableCell is a value on one line: what would move the cursor is escaped.
func tableCell(v starlark.Value) string {
	text, ok := starlark.AsString(v)
	if !ok {
		text = v.String()
	}
	var b strings.Builder
	n := 0
	for _, r := range text {
		if n++; n > widestCell {
			b.WriteString("...")
			break
		}
		if unicode.IsPrint(r) {
			b.WriteRune(r)
		} else {
			quoted := fmt.Sprintf("%q", r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
	}
	return b.String()
}

// String is the table with a line for each record below a line with the names of the columns.
func (t *recordTable) String() string {
	if len(t.rows) == 0 {
		return "no records\n"
	}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, row := range slices.Concat([][]string{t.names}, t.rows) {
		row = append(slices.Clip(row), make([]string, len(t.names)-len(row))...)
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // a Builder takes everything
	lines := strings.Split(b.String(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
