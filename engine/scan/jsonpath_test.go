package scan

import (
	"fmt"
	"strings"
	"testing"

	"go.starlark.net/starlark"
)

// checkMember compares what was read of a row with the library's value, nil if it is missing.
func checkMember(t *testing.T, m *Member, want starlark.Value, text string) {
	t.Helper()
	dict, isDict := want.(*starlark.Dict)
	if isDict && !m.Whole {
		if m.Kind != Object {
			t.Fatalf("Project(%q): %q is of kind %d, want an object", text, m.Key, m.Kind)
		}
		for _, c := range m.Members {
			v, found, _ := dict.Get(starlark.String(c.Key))
			if !found {
				v = nil
			}
			checkMember(t, c, v, text)
		}
		return
	}
	got := valueOf(m)
	if (got == nil) != (want == nil) || got != nil && render(got) != render(want) {
		t.Fatalf("Project(%q): %q is %v, want %v", text, m.Key, got, want)
	}
}

func valueOf(m *Member) starlark.Value {
	switch m.Kind {
	case Null:
		return starlark.None
	case Bool:
		return starlark.Bool(m.Int == 1)
	case Int:
		return starlark.MakeInt64(m.Int)
	case Float:
		return starlark.Float(m.Float)
	case String:
		return starlark.String(m.Text)
	}
	return m.Value
}

func checkProject(t *testing.T, p *Projection, text string) {
	t.Helper()
	want, wantErr := library(text)
	err := p.Project(text)
	if (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
		t.Fatalf("Project(%q): error %v; want %v", text, err, wantErr)
	}
	if err == nil {
		checkMember(t, p.Row(), want, text)
	}
}

var projections = [][][]string{
	{{"a"}},
	{{"a", "b"}, {"a", "c"}, {"d"}},
	{{"a"}, {"a", "b"}, {"a"}},
	{{""}, {"é"}, {"a", "a", "a"}},
	{},
	{{}},
}

var projectTexts = append([]string{
	`{"a":{"b":1,"c":[1,2]},"d":"x","e":{"a":{"b":9}}}`,
	`{"a":1}`, `{"a":null}`, `{"a":[]}`, `{"a":{"b":1},"a":{"c":2}}`, `{"a":{"b":1,"b":2}}`, `{"a":{"b":1},"a":7}`,
	`{"a":7,"a":{"b":1}}`, `{"\u0061":{"\u0062":"\ud800"}}`, `{"x":"\ud800","d":1}`, `{"x":"\q","d":1}`, `{"x":1e400,"d":1}`,
	`{"x":1.5,"y":[1e3,{"z":"é"}],"d":1}`, `{"x":01,"d":1}`, `{"x":[1,],"d":1}`, `{"x":{"y"},"d":1}`, "{\"x\":\"é\t\",\"d\":1}",
	`{"d":1} {"d":2}`, `{"x":1.2.3}`, `{"x":[], "y":{}, "z":[[]]}`, `{"x":"\u00zz"}`, `{"x":"\u00`, `{"x":1..2}`, `{"x":.}`, `{"x":-.5}`,
	`{"d":true,"a":false}`, `{"d":"é","a":"\"","x":1}`, `{"d":"x\ty","a":12345678901234567890}`, `{"a":{"b":-7,"c":1.5e3}, "d" :0}`,
	`{"a" : {"b" : 1 }}`, `{"aaaaaaaaaaaaaa":1,"d":"0123456789\u00e9abcdefgh"}`, "{\"d\":\"01234567é\"}", `{"d":-}`, `{"d":}`, `{"d"`, `{"d":"`,
	`{"x":[{"k":1,"l":[{"k":2}]},{"k":3,"m":{}},{"l":4,"k":"}"}],"d":1}`, `{"x":{"k":1},"x":{"k":2,"k":3},"d":1}`, `{"x":[{"k":1,"l":2},{"k":3,"l"}],"d":1}`,
	`{"x":[{"k":01}],"d":1}`, `{"x":[{"k":1,}],"d":1}`, `{"x":[ {"k" : 1 } , [ {"k":2} ] ],"d":1}`, `{"x":[{"\u006b":1},{"k":"\q"}],"d":1}`, `{"x":[{"k":1`, `{"x":{"k":[`,
	`{"123456789":1,"d":2}`, `{"123456780":1,"d":2}`, `{"123456789abcde":1,"d":2}`, `{"123456789abcdx":1,"d":2}`, `{"123456789abcdef":1,"d":3}`, `{"123456789abcdeg":1,"d":3}`,
	`{"123456789`, `{"123456789":`, `{"12345678`,
}, jsonTexts...)

func TestProjectIsTheLibrarys(t *testing.T) {
	for _, paths := range projections {
		p := NewProjection(paths)
		for _, text := range projectTexts {
			checkProject(t, p, text)
			checkProject(t, p, text) // now with its keys known
		}
	}
}

func FuzzProject(f *testing.F) {
	for i, text := range projectTexts {
		f.Add(i, text)
	}
	ps := make([]*Projection, len(projections))
	for i, paths := range projections {
		ps[i] = NewProjection(paths)
	}
	f.Fuzz(func(t *testing.T, which int, text string) {
		if len(text) > 1<<12 {
			return
		}
		which = int(uint(which) % uint(len(ps)))
		checkProject(t, ps[which], text)
		checkProject(t, ps[which], text) // now with its keys known
	})
}

// What is remembered of objects of which nothing is wanted is bounded, whatever keys they have.
func TestProjectForgetsKeysThatVary(t *testing.T) {
	p := NewProjection([][]string{{"d"}})
	for i := range 3 * maxSkippedKeys {
		checkProject(t, p, fmt.Sprintf(`{"x":{"key %d":{"a":%d}},"d":%d}`, i, i, i))
		checkProject(t, p, fmt.Sprintf(`{"x":[{"key %d":1,"b":%d}],"y%d":{"z":[{}]},"d":%d}`, i, i, i, i))
	}
	if p.skipped > maxSkipped {
		t.Errorf("%d kinds of objects are known", p.skipped)
	}
	for _, k := range p.root.keys {
		if k.below != nil && len(k.below.keys) > maxSkippedKeys+1 {
			t.Errorf("%d keys below %s are known", len(k.below.keys), k.literal)
		}
	}
}

func TestProjectBoundsDepth(t *testing.T) {
	p := NewProjection([][]string{{"a"}})
	err := p.Project(`{"x":` + strings.Repeat("[", 1e6))
	if err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("error %v", err)
	}
}

func BenchmarkProject(b *testing.B) {
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	p := NewProjection([][]string{{"type"}, {"amount"}, {"user", "id"}})
	for b.Loop() {
		if err := p.Project(event); err != nil {
			b.Fatal(err)
		}
	}
}
