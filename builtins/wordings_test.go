package builtins_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
)

// wordingInputs makes the input of each folder of testdata/wordings.
var wordingInputs = map[string]func(i int) string{
	"log": func(i int) string {
		size := fmt.Sprint(i * 37)
		if i%7 == 0 {
			size = "-"
		}
		return fmt.Sprintf(`10.0.%d.%d - - [01/Mar/2025:00:00:00 +0000] "GET /%s%d/x?q=%d HTTP/1.1" %d %s "https://example.org/" "Mozilla/5.0 (X11)"`,
			i%256, i%7, string("abc"[i%3]), i%5, i, 200+i%3*100, size)
	},
	"events": func(i int) string {
		return fmt.Sprintf(`{"id":"e%d","type":"%s","user":{"id":%d,"country":"it"},"data":{"amount":%d.%02d,"items":[{"sku":"S\u00e9"}]},"note":"a \"b\""}`,
			i, []string{"purchase", "search"}[i%2], i%37, i%1000, i%100)
	},
	"collatz": func(i int) string { return fmt.Sprint(i + 1) },
	"search": func(i int) string {
		return fmt.Sprintf(`10.0.0.%d "GET /a%d" %d 503`, i%256, i, 500+i%4)
	},
}

// TestWordings runs scripts that say the same in the usual ways. All must give the same bytes, compiled and
// interpreted, and the functions that every record goes through must be compiled.
func TestWordings(t *testing.T) {
	for folder, line := range wordingInputs {
		var in strings.Builder
		for i := range 2000 {
			in.WriteString(line(i))
			in.WriteByte('\n')
		}
		names, err := filepath.Glob("testdata/wordings/" + folder + "/*.star")
		if err != nil || len(names) < 5 {
			t.Fatalf("%s: %d scripts, %v", folder, len(names), err)
		}
		want := ""
		for _, name := range names {
			script, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{"in": in.String()}
			got := traces(t, string(script), files, engine.Options{Cores: 2})
			if want == "" {
				want = traces(t, string(script), files, engine.Options{Cores: 1, Kernels: "off"})
			}
			if got != want || strings.Count(want, "\n") < 4 {
				t.Errorf("%s gives\n%s\nwant\n%s", name, got, want)
			}
			mustCompile(t, name, string(script), files)
		}
	}
}

// mustCompile wants the plan to say of no step of a chain that it is interpreted.
func mustCompile(t *testing.T, name, script string, files map[string]string) {
	t.Helper()
	w := newWorld(t, files, "")
	job, err := builtins.Load("job.star", []byte(script), builtins.Options{Host: w.Host})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	e, err := engine.Explain(job.Program, engine.Options{Host: w.Host})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, line := range strings.Split(e.Text(), "\n") {
		if strings.Contains(line, "interpreted") && !strings.Contains(line, "->") {
			t.Errorf("%s is not compiled: %s", name, line)
		}
	}
}
