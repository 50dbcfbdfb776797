package main

import (
	"context"
	"fmt"
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
			screen := topScreen(jobs, nodes, c.host.Clock.Now())
			if !isTerminal(c.host.Stdout) {
				return c.print(screen)
			}
			if err := c.print("\x1b[H\x1b[J" + screen); err != nil {
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

// topScreen is what top shows: the cluster in a line, the jobs that are not over, and then those that ended last.
func topScreen(jobs []cluster.JobInfo, nodes []cluster.Node, now time.Time) string {
	workers, slots, states := 0, 0, map[cluster.JobState]int{}
	for _, n := range nodes {
		if n.Cores > 0 {
			workers++
			slots += n.Cores
		}
	}
	var open, over []cluster.JobInfo
	for _, j := range jobs {
		states[j.State]++
		if j.State.Over() {
			over = append([]cluster.JobInfo{j}, over...)
		} else {
			open = append(open, j)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s, %s at a time  jobs: %d running, %d queued, %d failed\n\n", now.Format(time.TimeOnly),
		counted(workers, "worker"), counted(slots, "task"), states[cluster.Running], states[cluster.Queued], states[cluster.Failed])
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSTATE\tTASKS\tTOOK\tSCRIPT")
	all := append(open, over...)
	for _, j := range all[:min(len(all), mostTop)] {
		tasks := ""
		if j.Tasks > 0 {
			tasks = fmt.Sprintf("%d/%d", j.Done, j.Tasks)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", j.ID, j.State, tasks, took(j, now), j.Name)
	}
	_ = w.Flush() // a Builder takes everything
	return b.String()
}
