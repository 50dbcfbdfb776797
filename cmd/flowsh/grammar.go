package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/flowsh/flowsh/builtins"
)

// A grammar is a set of flags. kong fills them in; where they end in an argument list, which is at the first
// word that is no flag and no flag's value, is decided here, because what follows belongs to the job.
type grammar struct {
	parser *kong.Kong
	flags  map[string]*kong.Flag // by "--name" and "-n"
}

// newGrammar makes the grammar of the flags in line, a pointer to a struct.
func newGrammar(line any) *grammar {
	parser, err := kong.New(line,
		kong.Name("flowsh"),
		kong.NoDefaultHelp(),
		kong.WithHyphenPrefixedParameters(true),
		kong.Writers(io.Discard, io.Discard),
		kong.Exit(func(int) {}),
	)
	if err != nil {
		panic(err) // the struct's tags are wrong
	}
	g := &grammar{parser: parser, flags: map[string]*kong.Flag{}}
	for _, f := range parser.Model.Flags {
		g.flags["--"+f.Name] = f
		if f.Short != 0 {
			g.flags["-"+string(f.Short)] = f
		}
	}
	return g
}

// parse fills in the struct; all of args must be flags. It may be called once.
func (g *grammar) parse(args []string) error {
	if err := g.check(args); err != nil {
		return err
	}
	if _, err := g.parser.Parse(args); err != nil {
		return usagef("%v; flowsh --help lists the flags", err)
	}
	return nil
}

// check finds flags that are unknown or lack their value.
func (g *grammar) check(args []string) error {
	for i := 0; i < len(args); i++ {
		name, _, _ := strings.Cut(args[i], "=")
		if !strings.HasPrefix(name, "--") {
			name = name[:min(2, len(name))]
		}
		if _, known := g.known(name); !known {
			return g.unknown(name)
		}
		if g.wantsNext(args[i]) {
			if i++; i == len(args) {
				return usagef("%s needs a value; flowsh --help lists the flags", args[i-1])
			}
		}
	}
	return nil
}

func (g *grammar) unknown(name string) error {
	names := slices.DeleteFunc(g.names(), func(n string) bool { return len(n) < len("--x") })
	hint := builtins.DidYouMean(name, names)
	if hint == "" {
		hint = "flowsh --help lists the flags; those of a job follow its script"
	}
	return usagef("unknown flag %s; %s", name, hint)
}

// split divides args where the flags end. A "--" between them is dropped.
func (g *grammar) split(args []string) (flags, rest []string) {
	for i := 0; i < len(args); i++ {
		switch token := args[i]; {
		case token == "--":
			return args[:i:i], args[i+1:]
		case token == "-" || !strings.HasPrefix(token, "-"):
			return args[:i:i], args[i:]
		case g.wantsNext(token):
			i++
		}
	}
	return args, nil
}

// interspersed takes flags and words apart that stand in any order.
func (g *grammar) interspersed(before, rest []string) (flags, words []string) {
	flags = slices.Clone(before)
	for len(rest) > 0 {
		var more []string
		if more, rest = g.split(rest); len(rest) > 0 {
			words, rest = append(words, rest[0]), rest[1:]
		}
		flags = append(flags, more...)
	}
	return flags, words
}

// names lists the flags, as they are written, in order.
func (g *grammar) names() []string { return slices.Sorted(maps.Keys(g.flags)) }

// known reports whether name, with or without dashes, is a flag, and whether a value follows it.
func (g *grammar) known(name string) (takesValue, known bool) {
	if !strings.HasPrefix(name, "-") {
		name = dashes(name) + name
	}
	f, ok := g.flags[name]
	return ok && !f.IsBool(), ok
}

func dashes(name string) string {
	if len(name) == 1 {
		return "-"
	}
	return "--"
}

// wantsNext reports whether the argument after token is the value of the flag in token: the flag takes one, and
// it is not in the token itself, as in --name=value and -nvalue. Of short flags in one token the last counts.
func (g *grammar) wantsNext(token string) bool {
	if strings.HasPrefix(token, "--") {
		takes, _ := g.known(token)
		return takes
	}
	for i, r := range token[1:] {
		if f, ok := g.flags["-"+string(r)]; !ok || !f.IsBool() {
			return ok && 1+i+len(string(r)) == len(token)
		}
	}
	return false
}

// A usageError is a command line that cannot be understood.
type usageError struct {
	text  string
	plain bool // the text is the usage itself
}

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{text: fmt.Sprintf(format, args...)}
}
