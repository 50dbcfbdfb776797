package main

import (
	"slices"

	"github.com/flowsh/flowsh/engine"
)

// explain prints the plan of a job: its stages, what is fused, where records meet, and what runs compiled.
func (c *cli) explain(before, rest []string) error {
	dot, before, rest := c.takeDot(before, rest)
	job, line, err := c.load(before, rest)
	if err != nil {
		return err
	}
	options, err := c.options(line, job)
	if err != nil {
		return err
	}
	options.Host = c.host
	plan, err := engine.Explain(job.Program, options)
	if err != nil {
		return err
	}
	text := plan.Text()
	if dot {
		text = plan.Dot()
	}
	return c.print(text)
}

// takeDot takes --dot, which only explain knows, from the flags before the script.
func (c *cli) takeDot(before, rest []string) (dot bool, flags, script []string) {
	more, script := newGrammar(new(explainLine)).split(rest)
	flags = slices.Concat(before, more)
	n := len(flags)
	flags = slices.DeleteFunc(flags, func(token string) bool { return token == "--dot" })
	return len(flags) < n, flags, script
}
