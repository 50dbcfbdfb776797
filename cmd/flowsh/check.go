package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
)

// check loads scripts without running them and prints what is wrong with them. Words up to the first flag behind
// a script are scripts; what follows are arguments for each of them.
func (c *cli) check(before, rest []string) error {
	more, rest := newGrammar(new(runLine)).split(rest)
	before = slices.Concat(before, more)
	n := slices.IndexFunc(rest, func(word string) bool { return strings.HasPrefix(word, "-") && word != "-" })
	if n < 0 {
		n = len(rest)
	}
	if n == 0 {
		return usagef("check which script? flowsh check JOB.star...")
	}
	var failed []error
	for _, path := range rest[:n] {
		if err := c.checkOne(before, path, rest[n:]); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// A checked is what check says of a script that loads, under --json.
type checked struct {
	File      string             `json:"file"`
	Form      string             `json:"form"`
	Operators int                `json:"operators,omitempty"`
	Tests     int                `json:"tests,omitempty"`
	Findings  []builtins.Finding `json:"findings,omitempty"`
}

func (c *cli) checkOne(before []string, path string, args []string) error {
	job, _, err := c.load(before, slices.Concat([]string{path}, args))
	other := new(builtins.FormError)
	switch {
	case errors.As(err, &other) && other.Form == "test":
		return c.checkTests(path)
	case errors.As(err, &other):
		return c.checked(checked{File: path, Form: other.Form}, "which this version does not run")
	case err != nil:
		return err
	}
	if _, err := engine.MakePlan(job.Program.Graph); err != nil {
		return err
	}
	n := len(job.Program.Graph.Ops)
	r := checked{File: path, Form: job.Form, Operators: n, Findings: job.Findings(context.Background())}
	return c.checked(r, counted(n, "operator"))
}

func (c *cli) checkTests(path string) error {
	source, err := c.readFile(path)
	if err != nil {
		return err
	}
	tests, err := builtins.LoadTests(path, source, builtins.TestOptions{Options: builtins.Options{Host: c.host}})
	if err != nil {
		return err
	}
	n := len(tests.Names())
	return c.checked(checked{File: path, Form: "test", Tests: n}, counted(n, "test"))
}

// checked prints what was found: findings are advice, and no errors.
func (c *cli) checked(r checked, what string) error {
	if c.console.flags.JSON {
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		return c.print(string(text))
	}
	var b strings.Builder
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s: %s (%s)\n", f.Position, f.Text, f.Rule)
		if f.Hint != "" {
			fmt.Fprintf(&b, "  %s\n", f.Hint)
		}
	}
	if !c.console.flags.Quiet {
		fmt.Fprintf(&b, "%s: ok, %s form, %s\n", r.File, r.Form, what)
	}
	if b.Len() == 0 {
		return nil
	}
	return c.print(b.String())
}

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
