package connector

import (
	"slices"
	"strings"
	"testing"
)

// readTable reads one file in/t and strips the positions.
func readTable(t *testing.T, spec SourceSpec, text string) (records, bad []string, err error) {
	t.Helper()
	spec.Paths = []string{"t"}
	records, bad, err = readAll(t, spec, memoryHost(t, map[string]string{"t": text}))
	for i, r := range records {
		_, records[i], _ = strings.Cut(r, " t ")
	}
	return records, bad, err
}

func TestRows(t *testing.T) {
	csv := SourceSpec{Format: "csv", Header: true}
	typed := func(types ...Typed) SourceSpec { s := csv; s.Types = types; return s }
	ragged := func(how string) SourceSpec { s := csv; s.Ragged = how; return s }
	tests := []struct {
		name string
		spec SourceSpec
		text string
		want []string
		bad  []string
	}{
		{"empty", csv, "", nil, nil},
		{"byte order mark alone", csv, "\xef\xbb\xbf", nil, nil},
		{"header alone", csv, "a,b\n", nil, nil},
		{"header without newline", csv, "a,b", nil, nil},
		{"empty lines", csv, "a,b\n\n1,2\n\r\n", []string{`{"a": "1", "b": "2"}`}, nil},
		{"empty lines of one column", csv, "a\n\n1\n", []string{`{"a": ""}`, `{"a": "1"}`}, nil},
		{"never guessed", csv, "a,b\n007,NO\n", []string{`{"a": "007", "b": "NO"}`}, nil},
		{
			"types", typed(Typed{"i", "int"}, Typed{"f", "float"}, Typed{"b", "bool"}, Typed{"s", "str"}), "i,f,b,s,t\n" +
				"1,1.5,true,x,\n,,,,\n+010,1e3,0,x,y\n-9223372036854775809,inf,1,,\n9223372036854775807,-0,false,z,\n",
			[]string{
				`{"i": 1, "f": 1.5, "b": True, "s": "x", "t": ""}`,
				`{"i": None, "f": None, "b": None, "s": None, "t": ""}`,
				`{"i": 10, "f": 1000.0, "b": False, "s": "x", "t": "y"}`,
				`{"i": -9223372036854775809, "f": +inf, "b": True, "s": None, "t": ""}`,
				`{"i": 9223372036854775807, "f": -0.0, "b": False, "s": "z", "t": ""}`,
			},
			nil,
		},
		{
			"bad values", typed(Typed{"i", "int"}, Typed{"f", "float"}, Typed{"b", "bool"}), "x,i,f,b\n" +
				"a, 1,2,1\nb,1_0,2,1\nc,1,two,1\nd,1,2,yes\ne,3,4,1\n",
			[]string{`{"x": "e", "i": 3, "f": 4.0, "b": True}`},
			[]string{
				`t:2, field i: " 1": int: invalid literal with base 10:  1 | "a, 1,2,1"`,
				`t:3, field i: "1_0": int: invalid literal with base 10: 1_0 | "b,1_0,2,1"`,
				`t:4, field f: "two": invalid float literal: two | "c,1,two,1"`,
				`t:5, field b: "yes": is not a bool: write true, false, 1 or 0 | "d,1,2,yes"`,
			},
		},
		{"ragged", csv, "a,b\n1\n1,2\n1,2,3\n", []string{`{"a": "1", "b": "2"}`}, []string{
			`t:2: the record has 1 fields, not 2; give ragged = "pad" for None in the missing ones, or "skip" to leave such records out | "1"`,
			`t:4: the record has 3 fields, not 2; give ragged = "skip" to leave such records out | "1,2,3"`,
		}},
		{"padded", ragged("pad"), "a,b\n1\n1,2,3\n", []string{`{"a": "1", "b": None}`}, []string{
			`t:3: the record has 3 fields, not 2; give ragged = "skip" to leave such records out | "1,2,3"`,
		}},
		{"skipped", ragged("skip"), "a,b\n1\n1,2\n1,2,3\n", []string{`{"a": "1", "b": "2"}`}, nil},
		{"quote never closed", csv, "a,b\n1,2\n3,\"4\n5,6\n", []string{`{"a": "1", "b": "2"}`}, []string{
			`t:3: a quote (") is opened here and never closed (at byte 10) | "3,\"4\n5,6"`,
		}},
		{"text after a quote", csv, "a,b\n\"1\"x,2\n3,4\n", []string{`{"a": "3", "b": "4"}`}, []string{
			`t:2: text after the closing quote (") of a field; write a quote inside a field as "" (at byte 6) | "\"1\"x,2"`,
		}},
		{"tuples", SourceSpec{Format: "csv"}, "a,b\n1,\n", []string{`("a", "b")`, `("1", "")`}, nil},
		{"padded tuples", SourceSpec{Format: "csv", Ragged: "pad"}, "a,b\n1\n", []string{`("a", "b")`, `("1", None)`}, nil},
		{"named", SourceSpec{Format: "tsv", Columns: []string{"x", "y"}}, "a\tb\n", []string{`{"x": "a", "y": "b"}`}, nil},
		{"selected", SourceSpec{Format: "csv", Header: true, Columns: []string{"c", "a"}}, "a,b,c\n1,2,3\n", []string{`{"c": "3", "a": "1"}`}, nil},
		{
			"selected and padded",
			SourceSpec{Format: "csv", Header: true, Ragged: "pad", Columns: []string{"c", "a"}},
			"a,b,c\n1\n",
			[]string{`{"c": None, "a": "1"}`},
			nil,
		},
		{"other delimiter", SourceSpec{Format: "csv", Header: true, Delimiter: ";"}, "a;b\n1,5;\"x;y\"\n", []string{`{"a": "1,5", "b": "x;y"}`}, nil},
	}
	for _, test := range tests {
		got, bad, err := readTable(t, test.spec, test.text)
		if err != nil || !slices.Equal(got, test.want) || !slices.Equal(bad, test.bad) {
			t.Errorf("%s: got %s, bad %s, %v\nwant %s, bad %s", test.name,
				strings.Join(got, "\n"), strings.Join(bad, "\n"), err, strings.Join(test.want, "\n"), strings.Join(test.bad, "\n"))
		}
	}
}

func TestBadHeaders(t *testing.T) {
	tests := []struct {
		spec SourceSpec
		text string
		want string
	}{
		{SourceSpec{}, "a,b,a\n", `t: its first line names the column "a" twice; rename one there, or leave that line out and give header = False, columns = [...]`},
		{SourceSpec{}, "\na,b\n", "t: its first line, which must name the columns, is empty"},
		{SourceSpec{}, "\xef\xbb\xbfa,\"b\n", `t: at byte 5: a quote (") is opened here and never closed`},
		{SourceSpec{Columns: []string{"c"}}, "a,b\n", `t: has no column "c"; its first line names a, b`},
		{SourceSpec{Columns: []string{"x", "y"}}, "1,2\n", `t: has no column "x"; its first line names 1, 2; if that line is a record, give header = False`},
		{SourceSpec{Types: []Typed{{"c", "int"}}}, "a,b\n", `t: types names a column "c"; there are a, b`},
	}
	for _, test := range tests {
		test.spec.Format, test.spec.Header = "csv", true
		if _, _, err := readTable(t, test.spec, test.text); err == nil || err.Error() != test.want {
			t.Errorf("%q: error %v, want %s", test.text, err, test.want)
		}
	}
}

func TestFilesOfOneSourceHaveTheSameColumns(t *testing.T) {
	files := map[string]string{"a": "x,y\n1,2\n", "b": "x,z\n1,2\n", "c": "", "d": "x,y\n3,4\n", "e": "x,y,z\n", "f": compressors["gz"](t, "x,y\n5,6\n")}
	tests := []struct {
		paths  []string
		header bool
		want   string
	}{
		{[]string{"a", "b"}, true, "b: its columns are x, z, but those of a are x, y; read files with different columns as different flows"},
		{[]string{"a", "c", "d", "f"}, true, ""},
		{[]string{"a", "b"}, false, ""},
		{[]string{"a", "e"}, false, "e: its first record has 3 fields, but that of a has 2"},
	}
	for _, test := range tests {
		s, err := NewSource(SourceSpec{Format: "csv", Paths: test.paths, Header: test.header}, memoryHost(t, files))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Splits(t.Context()); (err == nil) != (test.want == "") || err != nil && err.Error() != test.want {
			t.Errorf("%v: error %v, want %q", test.paths, err, test.want)
		}
	}
	h := memoryHost(t, files)
	h.Stdin = strings.NewReader("x,z\n")
	_, _, err := readAll(t, SourceSpec{Format: "csv", Paths: []string{"a", "-"}, Header: true}, h)
	if err == nil || !strings.HasPrefix(err.Error(), "stdin: its columns are x, z, but those of a are") {
		t.Errorf("stdin with other columns: %v", err)
	}
}
