package builtins_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
)

// A typist has a session whose flows run in a world.
type typist struct {
	*testing.T
	*world
	*builtins.Session
	runs    int
	printed []string
	// twice has every call made from its state, as a cluster does.
	twice bool
}

func newTypist(t *testing.T, files map[string]string) *typist {
	p := &typist{T: t, world: newWorld(t, files, "")}
	h := *p.Host
	h.Emit = func(e host.Event) {
		if printed, ok := e.(engine.Printed); ok {
			p.printed = append(p.printed, printed.Text)
		}
	}
	o := builtins.Options{Host: &h}
	p.Session = builtins.NewSession(builtins.SessionOptions{Options: o, Collected: 1 << 20, Run: func(ctx context.Context, c *builtins.Call) error {
		p.runs++
		job := c.Job
		if p.twice {
			state, err := c.State()
			if err != nil {
				return err
			}
			again, err := builtins.LoadCall(state, o)
			if err != nil {
				return fmt.Errorf("the state: %w", err)
			}
			if again.Method != c.Method || (again.Receive == nil) != (c.Receive == nil) {
				t.Errorf("%s became %s", c.Method, again.Method)
			}
			job = again.Job
		}
		options := engine.Options{Host: &h, Cores: 2, BlockSize: 20}
		if c.Receive != nil {
			options.Receive = func(output string, records *chunk.Column) error {
				if output != "-" {
					return nil // a file of dead letters
				}
				return c.Receive(records)
			}
		}
		_, err := engine.Run(ctx, job.Program, options)
		return err
	}})
	return p
}

// types evaluates parts and compares what each shows; an error is shown behind "error: ".
func (p *typist) types(parts ...string) {
	p.Helper()
	for i := 0; i < len(parts); i += 2 {
		got, err := p.Eval(context.Background(), parts[i])
		if err != nil {
			got = "error: " + err.Error()
		}
		if want := parts[i+1]; got != want && !(strings.HasPrefix(want, "error: ") && strings.HasPrefix(got, want)) {
			p.Errorf("%s\n got  %q\n want %q", parts[i], got, want)
		}
	}
}

func TestSession(t *testing.T) {
	for _, twice := range []bool{false, true} {
		p := newTypist(t, map[string]string{"t.txt": "a b\nb c\nc c\n", "h.star": "def twice(x):\n    return 2 * x\n"})
		p.twice = twice
		p.types(
			"1 + 2", "3",
			"_ * 2", "6",
			"x = 5", "",
			"x = x + 1", "",
			"x", "6",
			"def f(r):\n    return r * x\n", "",
			"from_enumerable([1, 2]).map(f)", "6\n12",
			"x = 10", "",
			"from_enumerable([1, 2]).map(f)", "10\n20", // as in a file
			"words = lines(\"t.txt\").flat_map(lambda l: l.split())", "",
			"words.take(2)", "\"a\"\n\"b\"",
			"counts = words.count(by = lambda w: w)", "",
			"rows = counts.collect()", "",
			"rows", `[("a", 1), ("b", 2), ("c", 3)]`,
			"rows.append((\"d\", 4)); len(rows)", "4",
			"len(rows)", "4",
			"from_enumerable(rows).map(lambda r: r[1]).sum()", "10",
			"load(\"h.star\", \"twice\")", "",
			"twice(4)", "8",
			"nosuch", "error: <prompt>:21:1: undefined: nosuch",
			"1 // 0", "error: <prompt>:21:3: floored division by zero",
			"from_enumerable([1]).map(lambda x: x // 0)", "error: <prompt>:21:38: map: floored division by zero",
			"from_enumerable(range(50)).map(lambda x: x * x).take(3)", "0\n1\n4",
			"(", "error: <prompt>:23:",
			"words.cuont()", "error: <prompt>:22:6: flows have no operator cuont\n  did you mean count?",
			"lines()", "error: <prompt>:22:6: standard input is the prompt's own",
			"words.write(\"out.txt\")", "<flow lines.flat_map.write>",
			"words.write(\"out.txt\").run()", "",
			"words.partition()", "\"a\"\n\"b\"\n\"b\"\n\"c\"\n\"c\"\n\"c\"",
			"None", "",
		)
		if text := p.outputs(t)["out.txt"]; text != "a\nb\nb\nc\nc\nc\n" {
			t.Errorf("written: %q", text)
		}
		if strings.Contains(p.Text(), "nosuch") {
			t.Error("what failed was kept")
		}
	}
}

// What was computed once is not computed again, and what was printed is not printed again.
func TestSessionRemembers(t *testing.T) {
	p := newTypist(t, map[string]string{"t.txt": "a\nb\n"})
	p.types(
		"rows = lines(\"t.txt\").collect(); print(len(rows))", "",
		"print(\"once\"); lines(\"t.txt\").show()", "",
		"rows", `["a", "b"]`,
		"len(rows)", "2",
	)
	if p.runs != 2 {
		t.Errorf("%d runs, not 2", p.runs)
	}
	if got := strings.Join(p.printed, "|"); got != "2|once|record\na\nb" {
		t.Errorf("printed %q", got)
	}
}

func TestSessionShow(t *testing.T) {
	p := newTypist(t, nil)
	p.types(
		"from_enumerable([{\"a\": 1, \"b\": \"x\\033[31m\"}, {\"b\": \"long\", \"c\": None}]).show()", "",
		"from_enumerable(range(3)).show(2)", "",
		"from_enumerable([]).show()", "",
		"from_enumerable([1]).show(0)", "error: <prompt>:4:26: show: want a number of records from 1 to 10000, not 0",
	)
	want := "a  b          c\n1  x\\x1b[31m\n   long       None|record\n0\n1\n...|no records"
	if got := strings.Join(p.printed, "|"); got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}

func TestSessionBounds(t *testing.T) {
	p := newTypist(t, nil)
	p.types("from_enumerable(range(100000)).collect()", "error: <prompt>:1:39: collect: more than 1 MiB of records: they do not fit into memory\n  look at some by .show()")
	ctx, cancel := context.WithCancelCause(context.Background())
	stopped := errors.New("stopped")
	cancel(stopped)
	if _, err := p.Eval(ctx, "[i for i in range(1000000000)]"); !errors.Is(err, stopped) {
		t.Error(err)
	}
	for _, state := range []string{"", "{}", `{"parts":[{"text":"1","given":["AAAA"]}]}`, `{"parts":[{"text":"x = 1"}]}`} {
		if c, err := builtins.LoadCall([]byte(state), builtins.Options{Host: p.Host}); err == nil {
			t.Errorf("%q is a call of %s", state, c.Method)
		}
	}
}

func TestSessionJob(t *testing.T) {
	p := newTypist(t, map[string]string{"t.txt": "a\nb\n"})
	p.types("job = lines(\"t.txt\").map(lambda l: l + \"!\")", "")
	job, err := p.Job(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Run(context.Background(), job.Program, engine.Options{Host: p.Host, Cores: 1}); err != nil || p.stdout.String() != "a!\nb!\n" {
		t.Errorf("%v, %q", err, p.stdout.String())
	}
	p.Reset()
	if _, err := p.Job(context.Background()); err == nil {
		t.Error("nothing is a job")
	}
}

// TestSpecifiedPrompts types what lang-spec.md shows at a prompt: lines that begin with "> ", each with what it shows.
func TestSpecifiedPrompts(t *testing.T) {
	text, err := os.ReadFile("../lang-spec.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)\n```prompt\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Fatal("there are none")
	}
	for _, block := range blocks {
		p := newTypist(t, nil)
		for _, part := range strings.Split("\n"+block[1], "\n> ")[1:] {
			typed, shown, _ := strings.Cut(part, "\n")
			p.types(typed, strings.TrimSuffix(shown, "\n"))
		}
	}
}

func TestHelp(t *testing.T) {
	p := newTypist(t, nil)
	p.types("help(\"count\")", "", "help(lines)", "", "def f():\n    \"\"\"what f does\"\"\"\n", "", "help(f)", "", "help(re)", "",
		"help(\"cuont\")", "error: <prompt>:7:5: help: nothing is called cuont\n  did you mean count?")
	all := strings.Join(p.printed, "\n")
	for _, want := range []string{"flow.count(", "lines(", "what f does", "find_all"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q is not in\n%s", want, all)
		}
	}
}
