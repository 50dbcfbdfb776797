package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
)

// explain prints the plan of a job: its stages, what is fused, where records meet, and what runs compiled; with
// --analyze also what a run of it measured.
func (c *cli) explain(before, rest []string) error {
	flags, before, rest := c.takeExplainFlags(before, rest)
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
	if flags.Analyze && job.Help {
		return usagef("--help and --analyze do not go together")
	}
	var measured string
	if flags.Analyze {
		defer limitCores(options.Cores)()
		measured, err = c.analyze(job.Program, options, plan)
	}
	text := plan.Text()
	switch {
	case flags.Dot:
		text = plan.Dot()
	case flags.Mermaid:
		text = plan.Mermaid()
	case line.JSON && !flags.Analyze:
		if text, err = plan.JSON(); err != nil {
			return err
		}
	}
	return cmp.Or(c.print(text+measured), err)
}

// analyze runs a job, discards what would go to stdout, and adds what was measured to its plan. A job that fails is
// explained as far as it came.
func (c *cli) analyze(program *engine.Program, options engine.Options, plan *engine.Explanation) (string, error) {
	ctx, stop := interruptible(c.host.Clock, os.Exit)
	defer stop()
	progress := startProgress(c.console, c.host.Clock)
	h := *c.host
	h.Emit, h.Stdout = progress.event, io.Discard
	options.Host, options.Analyze = &h, true

	began := c.host.Clock.Now()
	used := host.ProcessTime()
	summary, err := engine.Run(ctx, program, options)
	progress.finish()
	if interrupted := context.Cause(ctx); err != nil && interrupted != nil {
		return "", interrupted
	}
	used = host.ProcessTime() - used
	plan.Analyzed(summary)
	text := fmt.Sprintf("CPU %.2f s, of which the collector and others took %.2f s; %.2f s went by\n",
		used.Seconds(), max(used-summary.StageTime(), 0).Seconds(), c.host.Clock.Now().Sub(began).Seconds())
	if err != nil {
		return text, err
	}
	return text + summary.Audit() + "\n", nil
}

// takeExplainFlags takes the flags that only explain knows from those before the script.
func (c *cli) takeExplainFlags(before, rest []string) (own explainFlags, flags, script []string) {
	more, script := newGrammar(new(explainLine)).split(rest)
	flags = slices.DeleteFunc(slices.Concat(before, more), func(token string) bool {
		switch token {
		case "--dot":
			own.Dot = true
		case "--mermaid":
			own.Mermaid = true
		case "--analyze":
			own.Analyze = true
		default:
			return false
		}
		return true
	})
	return own, flags, script
}
