package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"sync"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
)

// explain prints the plan of a job: its stages, what is fused, where records meet, and what runs compiled; with
// --analyze also what a run of it measured.
func (c *cli) explain(before, rest []string) error {
	flags, before, rest := c.takeExplainFlags(before, rest)
	if len(rest) == 1 && c.isJob(rest[0]) {
		return c.plan(flags.words(before), rest)
	}
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
	text, wrong := flags.text(plan, line.JSON && !flags.Analyze)
	return cmp.Or(wrong, c.print(text+measured), err)
}

// text is a plan in the form that flags ask for.
func (f planFlags) text(plan *engine.Explanation, asJSON bool) (string, error) {
	switch {
	case f.Dot:
		return plan.Dot(), nil
	case f.Mermaid:
		return plan.Mermaid(), nil
	case asJSON:
		return plan.JSON()
	}
	return plan.Text(), nil
}

// words are flags that have these values, behind others.
func (f planFlags) words(others []string) []string {
	if f.Dot {
		others = append(others, "--dot")
	}
	if f.Mermaid {
		others = append(others, "--mermaid")
	}
	return others
}

var clusterJob = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^job-[0-9]+$`) })

// isJob says that a word is the name of a job of a cluster, and of no script.
func (c *cli) isJob(word string) bool {
	if !clusterJob().MatchString(word) {
		return false
	}
	_, err := c.host.FS.Stat(word)
	return errors.Is(err, fs.ErrNotExist)
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
