package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/flowsh/flowsh/engine/cluster"
)

// topEvery is how often top looks.
const topEvery = time.Second

// mostTop is how many jobs top shows.
const mostTop = 20

// top shows the jobs that run and wait, once, or on a terminal again and again until it is interrupted.
func (c *cli) top(before, rest []string) error {
	return c.asClient(before, rest, func(ctx context.Context, client *cluster.Client, words []string) error {
		if len(words) > 0 {
			return usagef("flowsh top shows the whole cluster; flowsh logs -f JOB follows a job")
		}
		for {
			jobs, err := client.Jobs()
			if err != nil {
				return err
			}
			nodes, err := client.Nodes()
			if err != nil {
				return err
			}
			if err := c.showTop(jobs, nodes); err != nil || !isTerminal(c.host.Stdout) {
				return err
			}
			select {
			case <-ctx.Done():
				return nil // whoever looks has seen enough
			case <-c.host.Clock.After(topEvery):
			}
		}
	})
}

// A topView is what top shows under --json.
type topView struct {
	At      time.Time                `json:"at"`
	Workers int                      `json:"workers"`
	Slots   int                      `json:"slots"` // tasks at a time
	States  map[cluster.JobState]int `json:"states"`
	Jobs    []cluster.JobInfo        `json:"jobs"` // those that are not over, and then those that ended last
}

// showTop prints the cluster as it is now; on a terminal in the place of what was there.
func (c *cli) showTop(jobs []cluster.JobInfo, nodes []cluster.Node) error {
	view := newTopView(jobs, nodes, c.host.Clock.Now())
	if c.console.flags.JSON {
		text, err := json.Marshal(view)
		if err != nil {
			return err
		}
		return c.print(string(text))
	}
	if isTerminal(c.host.Stdout) {
		if _, err := io.WriteString(c.host.Stdout, clearScreen); err != nil {
			return outputError(err)
		}
	}
	return c.print(view.screen())
}

func newTopView(jobs []cluster.JobInfo, nodes []cluster.Node, now time.Time) *topView {
	v := &topView{At: now, States: map[cluster.JobState]int{}}
	for _, n := range nodes {
		if n.Cores > 0 {
			v.Workers++
			v.Slots += n.Cores
		}
	}
	var over []cluster.JobInfo
	for _, j := range jobs {
		v.States[j.State]++
		if j.State.Over() {
			over = append(over, j)
		} else {
			v.Jobs = append(v.Jobs, j)
		}
	}
	slices.Reverse(over)
	v.Jobs = append(v.Jobs, over...)
	v.Jobs = v.Jobs[:min(len(v.Jobs), mostTop)]
	return v
}

// screen is the cluster in a line, and its jobs.
func (v *topView) screen() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s, %s at a time  jobs: %d running, %d queued, %d failed\n\n", v.At.Format(time.TimeOnly),
		counted(v.Workers, "worker"), counted(v.Slots, "task"), v.States[cluster.Running], v.States[cluster.Queued], v.States[cluster.Failed])
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSTATE\tTASKS\tTOOK\tSCRIPT")
	for _, j := range v.Jobs {
		tasks := ""
		if j.Tasks > 0 {
			tasks = fmt.Sprintf("%d/%d", j.Done, j.Tasks)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", j.ID, j.State, tasks, took(j, v.At), j.Name)
	}
	_ = w.Flush() // a Builder takes everything
	return b.String()
}
