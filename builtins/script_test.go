package builtins

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var expectation = regexp.MustCompile(`### (".*")`)

// TestErrors loads the scripts of testdata/errors, which --- separates in a file. The errors that a script gives
// are those that stand beside its lines, and no others.
func TestErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.star")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		line := 1
		for _, source := range strings.SplitAfter(string(text), "---\n") {
			source = strings.TrimSuffix(source, "---\n")
			t.Run(fmt.Sprintf("%s:%d", filepath.Base(file), line), func(t *testing.T) { checkErrors(t, file, source) })
			line += strings.Count(source, "\n") + 1
		}
	}
}

func checkErrors(t *testing.T, file, source string) {
	_, failed := Load(file, []byte(source), options())
	got := errorList(failed)
	for i, line := range strings.Split(source, "\n") {
		m := expectation.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		pattern, err := strconv.Unquote(m[1])
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		if got = without(got, i+1, regexp.MustCompile("(?s)"+pattern)); got == nil {
			t.Errorf("line %d: no error matches %q; there are:\n%v", i+1, pattern, failed)
			return
		}
	}
	if len(got) > 0 {
		t.Errorf("errors that nobody expects: %v", got)
	}
}

func errorList(err error) LoadErrors {
	var one *LoadError
	var several LoadErrors
	switch {
	case errors.As(err, &several):
		return several
	case errors.As(err, &one):
		return LoadErrors{one}
	}
	return nil
}

// without is the list without the error of a line, or nil if the list has none. An error without a position, or
// at the start of a call that ends on a later line, stands beside any line.
func without(list LoadErrors, line int, pattern *regexp.Regexp) LoadErrors {
	for i, e := range list {
		if (!e.Pos.IsValid() || int(e.Pos.Line) == line || strings.Contains(e.Message, "from_enumerable is a stage")) && pattern.MatchString(e.Error()) {
			return append(append(LoadErrors{}, list[:i]...), list[i+1:]...)
		}
	}
	return nil
}

// TestGraphs pins the graphs of the scripts in testdata/jobs. UPDATE=1 rewrites them.
func TestGraphs(t *testing.T) {
	files, err := filepath.Glob("testdata/jobs/*.star")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			job, err := Load(file, source, options())
			if err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(file, ".star")+".graph", graphText(t, job))
		})
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(file, got, 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, got, want)
	}
}

// graphText is a step or an operator a line. The functions and values that the program holds for an operator are
// part of it: what the graph refers to must be there.
func graphText(t *testing.T, job *Job) []byte {
	t.Helper()
	var b bytes.Buffer
	g := job.Program.Graph
	fmt.Fprintf(&b, "%s form, name %q, seed %d, format %q\n", job.Form, g.Name, g.Seed, job.Settings.Format)
	for _, s := range g.Steps {
		fmt.Fprintf(&b, "step %q after %q outputs %v result %d\n", s.Name, s.After, s.Outputs, s.Result)
	}
	funcs, values := map[int][]string{}, map[int][]string{}
	for ref, fn := range job.Program.Funcs {
		text := ref.Param
		if fn.Spread > 0 {
			text += fmt.Sprintf(" spreads %d", fn.Spread)
		}
		if fn.Using {
			text += " using"
		}
		funcs[ref.Op] = append(funcs[ref.Op], text)
	}
	for ref, v := range job.Program.Values {
		values[ref.Op] = append(values[ref.Op], ref.Param+"="+v.String())
	}
	for _, op := range g.Ops {
		at := strings.TrimPrefix(op.At, "testdata/jobs/")
		op.At = ""
		text := marshal(t, op)
		fmt.Fprintf(&b, "%s\n    at %s", text, at)
		if len(funcs[op.ID]) > 0 {
			fmt.Fprintf(&b, "; %s", sorted(funcs[op.ID]))
		}
		if len(values[op.ID]) > 0 {
			fmt.Fprintf(&b, "; %s", regexp.MustCompile(` lambda>`).ReplaceAllString(sorted(values[op.ID]), ">"))
		}
		b.WriteString("\n")
	}
	return b.Bytes()
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.Replace(b.String(), `"at":"",`, "", 1))
}

func sorted(texts []string) string {
	for i := range texts {
		for j := i; j > 0 && texts[j] < texts[j-1]; j-- {
			texts[j], texts[j-1] = texts[j-1], texts[j]
		}
	}
	return strings.Join(texts, ", ")
}
