package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
)

// asClient runs f with a connection to a master; words are what follows the flags.
func (c *cli) asClient(before, rest []string, f func(ctx context.Context, client *cluster.Client, words []string) error) error {
	line := new(clientLine)
	g := newGrammar(line)
	more, words := g.split(rest)
	if err := g.parse(slices.Concat(before, more)); err != nil {
		return err
	}
	return c.toMaster(line, func(ctx context.Context, client *cluster.Client) error { return f(ctx, client, words) })
}

// toMaster runs f with a connection to the master that the flags name.
func (c *cli) toMaster(line *clientLine, f func(ctx context.Context, client *cluster.Client) error) error {
	c.console = newConsole(c.host, line.messageFlags)
	ctx, stop := interruptible(c.host.Clock, os.Exit)
	defer stop()
	client, err := c.connect(ctx, line)
	if err != nil {
		return err
	}
	defer client.Close()
	err = f(ctx, client)
	if interrupted := context.Cause(ctx); err != nil && interrupted != nil {
		return interrupted
	}
	return err
}

// jobs lists the jobs of a master's queue.
func (c *cli) jobs(before, rest []string) error {
	return c.asClient(before, rest, func(_ context.Context, client *cluster.Client, words []string) error {
		jobs, err := client.Jobs()
		if err != nil {
			return err
		}
		if len(words) == 0 {
			return c.listJobs(jobs)
		}
		for _, id := range words {
			if !slices.ContainsFunc(jobs, func(j cluster.JobInfo) bool { return j.ID == id }) {
				return usagef("there is no job %s; flowsh jobs lists them", id)
			}
		}
		return c.listJobs(slices.DeleteFunc(jobs, func(j cluster.JobInfo) bool { return !slices.Contains(words, j.ID) }))
	})
}

func (c *cli) listJobs(jobs []cluster.JobInfo) error {
	var b strings.Builder
	if c.console.flags.JSON {
		for _, j := range jobs {
			text, err := json.Marshal(j)
			if err != nil {
				return err
			}
			b.Write(append(text, '\n'))
		}
		return c.print(b.String())
	}
	if len(jobs) == 0 {
		return c.print("there are no jobs; flowsh submit adds one")
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSTATE\tSCRIPT\tSUBMITTED\tTOOK\tSTATUS")
	for _, j := range jobs {
		status := ""
		if j.State.Over() {
			status = strings.TrimSpace(fmt.Sprint(j.Status, " ", j.Reason))
		}
		if j.Rate > 0 && !j.State.Over() {
			status = fmt.Sprintf("at most %d records a second", j.Rate)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", j.ID, j.State, j.Name, j.Submitted.Format(time.DateTime), took(j, c.host.Clock.Now()), status)
	}
	_ = w.Flush() // a Builder takes everything
	return c.print(b.String())
}

// took is how long a job has run, so far.
func took(j cluster.JobInfo, now time.Time) string {
	switch {
	case j.Began.IsZero():
		return ""
	case j.Ended.IsZero():
		return now.Sub(j.Began).Round(time.Second).String()
	}
	return j.Ended.Sub(j.Began).Round(time.Millisecond).String()
}

// A jobLine is the flags of a command that is about a job.
type jobLine interface{ client() *clientLine }

func (l *clientLine) client() *clientLine { return l }

// oneJob runs f on the job that the command line names; line gets the flags, which may stand on either side of it.
func (c *cli) oneJob(command string, line jobLine, before, rest []string, f func(ctx context.Context, client *cluster.Client, id string) error) error {
	g := newGrammar(line)
	flags, words := g.interspersed(before, rest)
	if err := g.parse(flags); err != nil {
		return err
	}
	if len(words) != 1 {
		return usagef("which job? flowsh %s JOB; flowsh jobs lists them", command)
	}
	return c.toMaster(line.client(), func(ctx context.Context, client *cluster.Client) error { return f(ctx, client, words[0]) })
}

// result prints what a detached job has put out, and waits for its end.
func (c *cli) result(before, rest []string) error {
	return c.oneJob("result", new(clientLine), before, rest, func(ctx context.Context, client *cluster.Client, id string) error {
		progress := startProgress(c.console, c.host.Clock)
		end, err := client.Attach(ctx, id, c.host.Stdout, progress.clusterEvent)
		progress.finish()
		if err != nil {
			return err
		}
		return c.ended(end)
	})
}

// cancel ends a job.
func (c *cli) cancel(before, rest []string) error {
	return c.oneJob("cancel", new(clientLine), before, rest, func(ctx context.Context, client *cluster.Client, id string) error {
		end, err := client.Cancel(ctx, id)
		if err != nil {
			return err
		}
		return c.ended(end)
	})
}

// forget removes a job that has ended, with its output.
func (c *cli) forget(before, rest []string) error {
	return c.oneJob("forget", new(clientLine), before, rest, func(ctx context.Context, client *cluster.Client, id string) error {
		end, err := client.Forget(ctx, id)
		if err != nil {
			return err
		}
		return c.ended(end)
	})
}

// retryLine are the flags of retry in front of the job. Behind it stands what submit takes.
type retryLine struct {
	clientLine `embed:""`
	DeadOnly   bool
	Ship       bool
}

// retry submits a job again, with another script if there is one.
func (c *cli) retry(before, rest []string) error {
	line := new(retryLine)
	g := newGrammar(line)
	more, words := g.split(rest)
	if err := g.parse(slices.Concat(before, more)); err != nil {
		return err
	}
	if len(words) == 0 {
		return usagef("which job? flowsh retry JOB; flowsh jobs lists them")
	}
	s := cluster.Submit{Retries: words[0], DeadOnly: line.DeadOnly, Detached: true}
	if flags, script := newGrammar(new(runLine)).split(words[1:]); len(script) > 0 {
		packed, err := c.packApart(packOrder{Before: flags, Rest: script, Ship: line.Ship})
		if err != nil {
			return err
		}
		s.Bundle, s.Webhooks, s.Name = packed.Bundle, packed.Webhooks, filepath.Base(script[0])
	} else if line.Ship {
		return usagef("--ship sends files along with a script; a job that is done again has what it was submitted with")
	}
	return c.toMaster(&line.clientLine, func(ctx context.Context, client *cluster.Client) error {
		job, end, err := client.Submit(ctx, s, c.host.Stdout, func(host.Event) {})
		if err == nil {
			err = c.ended(end)
		}
		if err != nil {
			return err
		}
		return c.print(job.ID)
	})
}

// planLine are the flags of plan.
type planLine struct {
	clientLine `embed:""`
	planFlags  `embed:""`
}

// plan prints the plan of a job.
func (c *cli) plan(before, rest []string) error {
	line := new(planLine)
	return c.oneJob("plan", line, before, rest, func(ctx context.Context, client *cluster.Client, id string) error {
		data, end, err := client.Bundle(ctx, id)
		if err != nil || end.Status != 0 {
			return c.failed(end, err)
		}
		own := *c
		job, options, b, err := own.unpack(data, io.Discard)
		if err != nil {
			return err
		}
		h := *c.host
		b.unload(&h)
		options.Host = &h
		plan, err := engine.Explain(job.Program, options)
		if err != nil {
			return err
		}
		text, err := line.text(plan, line.JSON)
		if err != nil {
			return err
		}
		return c.print(own.console.masked(text))
	})
}

// set changes a setting of a job: its rate.
func (c *cli) set(before, rest []string) error {
	return c.asClient(before, rest, func(ctx context.Context, client *cluster.Client, words []string) error {
		if len(words) != 3 || words[0] != "rate" {
			return usagef("the rate of which job? flowsh set rate JOB N, or flowsh set rate JOB off; flowsh jobs lists them")
		}
		perSecond, err := parseRate(words[2])
		if err != nil {
			return err
		}
		return c.failed(client.SetRate(ctx, words[1], perSecond))
	})
}

// parseRate is a number of records in a second; 0: any number.
func parseRate(text string) (int64, error) {
	if text == "off" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, usagef("a rate of %s: write how many records a second, such as 1000, or off", text)
	}
	return n, nil
}

// pause lets no more jobs begin.
func (c *cli) pause(before, rest []string) error {
	return c.ofQueue("pause", before, rest, (*cluster.Client).Pause)
}

// resumeQueue lets jobs begin again.
func (c *cli) resumeQueue(before, rest []string) error {
	return c.ofQueue("resume", before, rest, (*cluster.Client).Resume)
}

func (c *cli) ofQueue(command string, before, rest []string, do func(*cluster.Client, context.Context) (cluster.End, error)) error {
	return c.asClient(before, rest, func(ctx context.Context, client *cluster.Client, words []string) error {
		if len(words) > 0 {
			return usagef("flowsh %s is of all jobs that wait; flowsh cancel JOB ends one", command)
		}
		return c.failed(do(client, ctx))
	})
}

// logsLine are the flags of logs.
type logsLine struct {
	clientLine `embed:""`
	Follow     bool `short:"f"`
}

// logs prints what a job has said to people.
func (c *cli) logs(before, rest []string) error {
	line := new(logsLine)
	return c.oneJob("logs", line, before, rest, func(ctx context.Context, client *cluster.Client, id string) error {
		console := *c.host
		console.Stderr = c.host.Stdout
		p := &progress{console: newConsole(&console, line.messageFlags)}
		p.console.job = id
		job, end, err := client.Log(ctx, id, line.Follow, p.clusterEvent)
		if err != nil {
			return err
		}
		if job.ID == "" {
			return c.ended(end)
		}
		return (&cli{host: &console, console: p.console}).ended(cluster.End{Messages: end.Messages})
	})
}
