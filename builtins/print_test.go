package builtins_test

import (
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
)

// Of what the functions of a stage print, the same lines are left out everywhere, and a warning says how many: those that
// come to more than 16 MiB with the lines before them.
func TestPrintsAreBounded(t *testing.T) {
	const chatty = `
def chat(n):
    print(("%d" % n) * ((17 << 20) if n == 2 else 1))
    return n
`
	input := map[string]string{"numbers.txt": "0\n1\n2\n3\n"}
	for name, c := range map[string]struct {
		script string
		shown  string
		left   string // "": nothing was left out
	}{
		"every record":     {`job = lines("numbers.txt").map(int).map(chat)`, "01", "lines left out: 2, of 17825795 bytes"},
		"behind a take":    {`job = lines("numbers.txt").map(int).map(chat).take(3)`, "01", "lines left out: 1, of 17825793 bytes"},
		"a take wants few": {`job = lines("numbers.txt").map(int).map(chat).take(2)`, "01", ""},
		"a reducer":        {`job = lines("numbers.txt").map(int).reduce(0, lambda acc, n: acc + chat(n), by = lambda n: n % 2, merge = lambda a, b: a + b)`, "01", "lines left out: 2, of 17825795 bytes"},
		"one record":       {`job = lines("numbers.txt").map(int).take(1).map(lambda n: [chat(i) for i in range(4)][0])`, "01", "lines left out: 2, of 17825795 bytes"},
	} {
		for _, runner := range []string{"one core", "tiny pieces", "three workers"} {
			t.Run(name+", "+runner, func(t *testing.T) {
				w := newWorld(t, input, "")
				shown, warnings := "", []string{}
				w.Emit = func(e host.Event) {
					switch e := e.(type) {
					case engine.Printed:
						shown += e.Text[:1]
					case engine.Warning:
						warnings = append(warnings, e.Text)
						if e.Stage == nil {
							t.Error("the warning names no stage")
						}
					}
				}
				if _, err := w.run(chatty+c.script, executors[runner]); err != nil {
					t.Fatal(err)
				}
				if shown != c.shown {
					t.Errorf("shown %q, want %q", shown, c.shown)
				}
				if got := strings.Join(warnings, "\n"); !strings.HasSuffix(got, c.left) || (got == "") != (c.left == "") || len(warnings) > 1 {
					t.Errorf("warnings %q, want %q", warnings, c.left)
				}
			})
		}
	}
}
