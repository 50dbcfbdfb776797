package builtins

import (
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine"
	"pgregory.net/rapid"
)

func ref(op int, param string) engine.Ref { return engine.Ref{Op: op, Param: param} }

// runFlags are a few of flowsh's own.
func runFlags(name string) (takesValue, known bool) {
	switch strings.TrimLeft(name, "-") {
	case "cores", "j", "o":
		return true, true
	case "dry-run", "q", "v":
		return false, true
	}
	return false, false
}

func TestCommandLine(t *testing.T) {
	const job = "job = from_enumerable([%])"
	for _, tt := range []struct {
		name, script, args string
		want               string // the list that the script makes, or the error that the load gives
		run                string // flags that are flowsh's
	}{
		{"default", `[arg("n", default = 1)]`, "", "[1]", ""},
		{"two words", `[arg("n", default = 1)]`, "--n 5", "[5]", ""},
		{"one word", `[arg("n", default = 1)]`, "--n=5", "[5]", ""},
		{"last wins", `[arg("n", default = 1)]`, "--n=5 --n 6", "[6]", ""},
		{"negative", `[arg("n", default = 1)]`, "--n -5", "[-5]", ""},
		{"big", `[arg("n", type = int)]`, "--n 99999999999999999999", "[99999999999999999999]", ""},
		{"float", `[arg("x", default = 1.5), arg("y", type = float, default = 2)]`, "--x 2", "[2.0, 2.0]", ""},
		{"underscore", `[arg("dry_mode", default = "x")]`, "--dry_mode a --dry-mode b", `["b"]`, ""},
		{"bool", `[arg("a", default = False), arg("b", default = True), arg("c", default = False)]`, "--a --no-b --c=yes", "[True, False, True]", ""},
		{"list", `arg("t", default = ["z"])`, "--t a --t=b", `["a", "b"]`, ""},
		{"list default", `arg("t", default = ["z"])`, "", `["z"]`, ""},
		{"duration", `[arg("d", type = "duration", default = "1h")]`, "--d 90s", `[1m30s]`, ""},
		{"bytes", `[arg("s", type = "bytes", default = "1KiB"), arg("r", type = "bytes", default = "1KiB")]`, "--s 2MiB", `[2097152, 1024]`, ""},
		{"none", `[arg("n", default = None, type = int)]`, "", `[None]`, ""},
		{"rest", `arg("f", rest = True, default = "x")`, "a b", `["a", "b"]`, ""},
		{"rest default", `arg("f", rest = True, default = "x")`, "", `["x"]`, ""},
		{"rest by flag, as the shell expands a glob", `arg("f", rest = True, default = "x")`, "--f a b", `["a", "b"]`, ""},
		{"rest after dashes", `arg("f", rest = True, default = "x")`, "a -- --b", `["a", "--b"]`, ""},
		{"rest ints", `arg("f", rest = True, type = int)`, "1 2", `[1, 2]`, ""},
		{"rest before a flag with a value", `arg("f", rest = True) + [arg("n", default = 1)]`, "a --n 2 b", `["a", "b", 2]`, ""},
		{"rest before a switch", `arg("f", rest = True) + [arg("s", default = False)]`, "a --s b", `["a", "b", True]`, ""},
		{"run flags", `arg("f", rest = True)`, "a --cores 2 b -q -j4 -o out --dry-run", `["a", "b"]`, "--cores 2 -q -j4 -o out --dry-run"},
		{"together", `arg("f", rest = True)`, "-qv a -qj 3", `["a"]`, "-qv -qj 3"},
		{"the job's flag wins", `[arg("cores", default = 0)]`, "--cores 2", `[2]`, ""},
		{"choices", `[arg("c", choices = ["a", "b"])]`, "--c b", `["b"]`, ""},
		{"environment", `[arg("h", default = "x", env = "THERE"), arg("g", default = "x", env = "GONE")]`, "", `["from env", "x"]`, ""},

		{"unknown", `[1]`, "--foo", "unknown flag --foo.*declares no flags", ""},
		{"misspelt", `[arg("limit", default = 1)]`, "--limti 3", "unknown flag --limti.*did you mean --limit", ""},
		{"no value", `[arg("n", default = 1)]`, "--n", "--n needs a value", ""},
		{"flag as value", `[arg("n", default = 1)]`, "--n --m", "--n needs a value.*--n=VALUE", ""},
		{"not an int", `[arg("n", default = 1)]`, "--n x", `--n: "x" is not an int`, ""},
		{"not a float", `[arg("n", default = 1.0)]`, "--n x", `--n: "x" is not a float`, ""},
		{"not a bool", `[arg("n", default = True)]`, "--n=x", `--n: "x" is neither true nor false`, ""},
		{"not a duration", `[arg("n", type = "duration")]`, "--n x", `not a duration such as 90s`, ""},
		{"not a size", `[arg("n", type = "bytes")]`, "--n 5lb", `not a size such as 64MiB`, ""},
		{"not a choice", `[arg("c", choices = ["apple", "pear"])]`, "--c aple", "--c: want one of apple, pear, not aple.*did you mean apple", ""},
		{"required", `[arg("n", help = "how many")]`, "", "--n is needed.*how many", ""},
		{"required rest", `arg("files", rest = True)`, "", "at least one FILES is needed", ""},
		{"required from the environment", `[arg("n", env = "GONE")]`, "", `--n or \$GONE is needed`, ""},
		{"files that nobody reads", `[1]`, "a.txt", `unexpected argument "a.txt"`, ""},
		{"a secret is not shown", `[arg("n", type = int, secret = True)]`, "--n geheim", `--n: \*\*\*$`, ""},
		{"a secret in a message", `[fail("no " + arg("n", secret = True))]`, "--n geheim", `no \*\*\*`, ""},
		{"rest too early for a name that the text hides", `arg("f", rest = True) + [arg("".join(["o", "dd"]), default = 1)]`, "a --odd 3", "before all flags are known", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := options(strings.Fields(tt.args)...)
			o.RunFlags = runFlags
			o.Host.LookupEnv = func(name string) (string, bool) { return "from env", name == "THERE" }
			script := strings.ReplaceAll(job, "[%]", tt.script)
			if !strings.HasPrefix(tt.want, "[") {
				loadError(t, tt.want, script, o)
				return
			}
			j := load(t, script, o)
			if got := j.Program.Values[ref(0, "list")].String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if got := strings.Join(j.RunFlags, " "); got != tt.run {
				t.Errorf("flowsh's flags %q, want %q", got, tt.run)
			}
		})
	}
}

func TestSourcesReadTheCommandLine(t *testing.T) {
	for args, want := range map[string]string{"": "-", "a b": "a b", "-": "-", "--n 1 a": "a", "-- -x": "-x"} {
		j := load(t, `n = arg("n", default = 0)`+"\njob = lines()", options(strings.Fields(args)...))
		if got := strings.Join(j.Program.Graph.Ops[0].Source.Paths, " "); got != want {
			t.Errorf("%q: reads %q, want %q", args, got, want)
		}
	}
}

func TestSecretsAreKnown(t *testing.T) {
	j := load(t, `s = arg("s", secret = True, default = "weak")`+"\njob = lines()", options("--s=geheim"))
	if !slices.Equal(j.Secrets, []string{"geheim"}) || j.Args[0].Default != "" {
		t.Errorf("%+v", j)
	}
}

// Every word is a file, a flag or a flag's value: none is lost, none is taken twice.
func TestWordsAreTakenOnce(t *testing.T) {
	words := rapid.SampledFrom([]string{"a", "b.txt", "-", "--n", "--n=1", "--s", "--no-s", "-q", "-j", "-j2", "--cores", "--zzz", "-5", "--"})
	rapid.Check(t, func(t *rapid.T) {
		args := rapid.SliceOfN(words, 0, 12).Draw(t, "args")
		c := newCommandLine(args)
		c.takesValue = func(name string) (bool, bool) {
			switch name {
			case "n":
				return true, true
			case "s", "no-s":
				return false, true
			}
			return runFlags(name)
		}
		early := c.files()
		values, err := c.take("n")
		if err != nil {
			return
		}
		if _, _, err := c.takeSwitch("s"); err != nil {
			t.Fatal(err)
		}
		files := c.files()
		if !slices.Equal(early, files) {
			t.Fatalf("files %q before the arguments are declared, %q after", early, files)
		}
		known, unknown := c.leftOver()
		taken := 0
		for _, w := range c.words {
			if w.taken {
				taken++
			}
		}
		total := taken + len(files) + len(known) + len(unknown)
		if slices.Contains(args, "--") {
			total++
		}
		if total != len(args) {
			t.Fatalf("%q: taken %d, values %q, files %q, known %q, unknown %q", args, taken, values, files, known, unknown)
		}
	})
}

func TestMask(t *testing.T) {
	var none *Mask
	if got := none.Text("a"); got != "a" || NewMask([]string{""}) != nil {
		t.Errorf("%q", got)
	}
	m := NewMask([]string{"ab", "", "abc", "q\"<\n"})
	for text, want := range map[string]string{
		"xabcd ab":                      "x***d ***",
		"q\"<\n":                        "***",
		`"q\"<\n"`:                      `"***"`,
		`"q\"\u003c\n"`:                 `"***"`,
		`{\"a\":\"q\\\"<`:               `{\"a\":\"q\\\"<`, // not all of it
		`"{\"a\":\"q\\\"\\u003c\\n\"}"`: `"{\"a\":\"***\"}"`,
	} {
		if got := m.Text(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
