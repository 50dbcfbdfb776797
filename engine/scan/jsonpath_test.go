package scan

import (
	"strings"
	"testing"

	"go.starlark.net/starlark"
)

// project is Project by way of the library.
func project(paths [][]string, text string) (values []starlark.Value, ok bool, err error) {
	whole, err := library(text)
	if err != nil {
		return nil, false, err
	}
	for _, path := range paths {
		v := whole
		for _, key := range path {
			dict, isDict := v.(*starlark.Dict)
			if !isDict {
				return nil, false, nil
			}
			var found bool
			if v, found, _ = dict.Get(starlark.String(key)); !found {
				v = nil
				break
			}
		}
		values = append(values, v)
	}
	return values, true, nil
}

func checkProject(t *testing.T, p *Projection, paths [][]string, text string) {
	t.Helper()
	want, wantOK, wantErr := project(paths, text)
	got, ok, err := p.Project(text)
	if ok != wantOK || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
		t.Fatalf("Project(%q) = %v, %v, %v; want %v, %v, %v", text, got, ok, err, want, wantOK, wantErr)
	}
	for i := range want {
		if (got[i] == nil) != (want[i] == nil) || got[i] != nil && render(got[i]) != render(want[i]) {
			t.Fatalf("Project(%q): path %v is %v, want %v", text, paths[i], got[i], want[i])
		}
	}
}

var projections = [][][]string{
	{{"a"}},
	{{"a", "b"}, {"a", "c"}, {"d"}},
	{{"a"}, {"a", "b"}, {"a"}},
	{{""}, {"é"}, {"a", "a", "a"}},
}

var projectTexts = append([]string{
	`{"a":{"b":1,"c":[1,2]},"d":"x","e":{"a":{"b":9}}}`,
	`{"a":1}`, `{"a":null}`, `{"a":[]}`, `{"a":{"b":1},"a":{"c":2}}`, `{"a":{"b":1,"b":2}}`, `{"a":{"b":1},"a":7}`,
	`{"a":7,"a":{"b":1}}`, `{"\u0061":{"\u0062":"\ud800"}}`, `{"x":"\ud800","d":1}`, `{"x":"\q","d":1}`, `{"x":1e400,"d":1}`,
	`{"x":1.5,"y":[1e3,{"z":"é"}],"d":1}`, `{"x":01,"d":1}`, `{"x":[1,],"d":1}`, `{"x":{"y"},"d":1}`, "{\"x\":\"é\t\",\"d\":1}",
	`{"d":1} {"d":2}`, `{"x":1.2.3}`, `{"x":[], "y":{}, "z":[[]]}`, `{"x":"\u00zz"}`, `{"x":"\u00`, `{"x":1..2}`, `{"x":.}`, `{"x":-.5}`,
}, jsonTexts...)

func TestProjectIsTheLibrarys(t *testing.T) {
	for _, paths := range projections {
		p := NewProjection(paths)
		for _, text := range projectTexts {
			checkProject(t, p, paths, text)
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
		checkProject(t, ps[which], projections[which], text)
	})
}

func TestProjectBoundsDepth(t *testing.T) {
	p := NewProjection([][]string{{"a"}})
	_, _, err := p.Project(`{"x":` + strings.Repeat("[", 1e6))
	if err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("error %v", err)
	}
}

func BenchmarkProject(b *testing.B) {
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	p := NewProjection([][]string{{"type"}, {"amount"}, {"user", "id"}})
	for b.Loop() {
		if _, ok, err := p.Project(event); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
