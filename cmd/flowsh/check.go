package main

import (
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

func (c *cli) checkOne(before []string, path string, args []string) error {
	job, _, err := c.load(before, slices.Concat([]string{path}, args))
	other := new(builtins.FormError)
	if errors.As(err, &other) && other.Form == "test" {
		return c.checkTests(path)
	}
	if errors.As(err, &other) {
		return c.print(fmt.Sprintf("%s: ok, %s form, which this version does not run\n", path, other.Form))
	}
	if err != nil {
		return err
	}
	if _, err := engine.MakePlan(job.Program.Graph); err != nil {
		return err
	}
	if c.console.flags.Quiet {
		return nil
	}
	_, err = fmt.Fprintf(c.host.Stdout, "%s: ok, %s form, %d operators\n", path, job.Form, len(job.Program.Graph.Ops))
	return err
}

func (c *cli) checkTests(path string) error {
	source, err := c.readFile(path)
	if err != nil {
		return err
	}
	tests, err := builtins.LoadTests(path, source, builtins.TestOptions{Options: builtins.Options{Host: c.host}})
	if err != nil || c.console.flags.Quiet {
		return err
	}
	_, err = fmt.Fprintf(c.host.Stdout, "%s: ok, test form, %d tests\n", path, len(tests.Names()))
	return err
}
