package main

import (
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine/cluster"
)

func TestTopScreen(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	jobs := []cluster.JobInfo{
		{ID: "job-1", Name: "a.star", State: cluster.Complete, Tasks: 3, Done: 3, Began: now.Add(-time.Minute), Ended: now.Add(-time.Second)},
		{ID: "job-2", Name: "b.star", State: cluster.Failed},
		{ID: "job-3", Name: "c.star", State: cluster.Running, Tasks: 12, Done: 4, Began: now.Add(-7 * time.Second)},
		{ID: "job-4", Name: "d.star", State: cluster.Queued},
	}
	nodes := []cluster.Node{{Name: "master", Role: "master"}, {Name: "w1", Role: "worker", Cores: 2}, {Name: "w2", Role: "worker", Cores: 1}}
	const want = `03:04:05  2 workers, 3 tasks at a time  jobs: 1 running, 1 queued, 1 failed

ID     STATE     TASKS  TOOK  SCRIPT
job-3  running   4/12   7s    c.star
job-4  queued                 d.star
job-2  failed                 b.star
job-1  complete  3/3    59s   a.star
`
	if got := newTopView(jobs, nodes, now).screen(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
