package cluster

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// queued makes a queue of jobs, each its name and what it comes after.
func queued(t *testing.T, jobs ...string) *queue {
	t.Helper()
	q := new(queue)
	for _, text := range jobs {
		id, after, _ := strings.Cut(text, "<")
		j := &JobInfo{ID: strings.TrimSuffix(id, "!"), State: Queued, After: strings.Fields(after), Anyway: strings.HasSuffix(id, "!")}
		if err := q.apply(jobRecord{Op: "submitted", Job: j}); err != nil {
			t.Fatal(err)
		}
	}
	return q
}

// run runs a queue to its end, with jobs failing that are named so, and gives what happened.
func (q *queue) run(t *testing.T, parallel int, fails string) string {
	t.Helper()
	var happened []string
	var running []*JobInfo
	for {
		for {
			j, failed := q.doomed()
			if j == nil {
				break
			}
			happened = append(happened, j.ID+" cancelled for "+failed.ID)
			must(t, q.apply(jobRecord{Op: "ended", ID: j.ID, State: Cancelled}))
		}
		if j := q.next(parallel); j != nil {
			happened = append(happened, j.ID)
			must(t, q.apply(jobRecord{Op: "began", ID: j.ID}))
			running = append(running, j)
			continue
		}
		if len(running) == 0 {
			return strings.Join(happened, ", ")
		}
		status := 0
		if strings.Contains(fails, running[0].ID) {
			status = 1
		}
		must(t, q.apply(jobRecord{Op: "ended", ID: running[0].ID, State: outcome(running[0], status, false), Status: status}))
		running = running[1:]
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestQueueOrder(t *testing.T) {
	for _, c := range []struct {
		jobs     []string
		parallel int
		fails    string
		want     string
	}{
		{[]string{"a", "b", "c"}, 1, "", "a, b, c"},
		{[]string{"a", "b<c", "c", "d"}, 1, "", "a, c, b, d"},
		{[]string{"a", "b<a", "c<b"}, 2, "a", "a, b cancelled for a, c cancelled for b"},
		{[]string{"a", "b!<a", "c<b"}, 2, "a", "a, b, c"},
		{[]string{"a", "b"}, 1, "a", "a, b"},
		{[]string{"a<gone", "b"}, 1, "", "a, b"},
	} {
		if got := queued(t, c.jobs...).run(t, c.parallel, c.fails); got != c.want {
			t.Errorf("%q: got %s, want %s", c.jobs, got, c.want)
		}
	}
}

func TestQueueStopsOnFailure(t *testing.T) {
	for state, want := range map[JobState]bool{Failed: true, Complete: false, Cancelled: false} {
		q := queued(t, "a", "b")
		q.find("a").StopsQueue = true
		must(t, q.apply(jobRecord{Op: "began", ID: "a"}))
		must(t, q.apply(jobRecord{Op: "ended", ID: "a", State: state}))
		if stopped := q.next(1) == nil; stopped != want {
			t.Errorf("%s: stopped %v", state, stopped)
		}
		must(t, q.apply(jobRecord{Op: "resumed"}))
		if q.next(1) == nil {
			t.Errorf("%s: the queue does not go on", state)
		}
	}
}

func TestQueueCountsRetries(t *testing.T) {
	q := queued(t, "a")
	must(t, q.apply(jobRecord{Op: "began", ID: "a"}))
	must(t, q.apply(jobRecord{Op: "began", ID: "a"}))
	if got := outcome(q.find("a"), 0, false); got != CompleteWithRetries {
		t.Error(got)
	}
	for _, r := range []jobRecord{
		{Op: "began", ID: "b"},
		{Op: "nonsense", ID: "a"},
		{Op: "submitted"},
		{Op: "submitted", Job: &JobInfo{ID: "a"}},
	} {
		if q.apply(r) == nil {
			t.Errorf("%+v is accepted", r)
		}
	}
}

// restored is the queue that a snapshot gives.
func restored(t *testing.T, q *queue) *queue {
	t.Helper()
	records, err := q.snapshot()
	must(t, err)
	again := new(queue)
	for _, data := range records {
		var r jobRecord
		must(t, json.Unmarshal(data, &r))
		must(t, again.apply(r))
	}
	return again
}

// TestQueueSnapshots replays random histories: a snapshot at any place, with what comes behind it, gives the same queue.
func TestQueueSnapshots(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		q, copied := new(queue), new(queue)
		for step := range 60 {
			r := randomRecord(random, q)
			must(t, q.apply(r))
			if step < 30 {
				continue
			}
			if step == 30 {
				copied = restored(t, q)
				continue
			}
			must(t, copied.apply(r))
		}
		if !reflect.DeepEqual(q.jobs, copied.jobs) {
			t.Fatalf("seed %d: the snapshot gives another queue", seed)
		}
	}
}

func randomRecord(random *rand.Rand, q *queue) jobRecord {
	if len(q.jobs) == 0 || random.IntN(3) == 0 {
		return jobRecord{Op: "submitted", Job: &JobInfo{ID: fmt.Sprint("job-", q.number+1), State: Queued}, Number: q.number + 1}
	}
	j := q.jobs[random.IntN(len(q.jobs))]
	switch random.IntN(6) {
	case 5:
		return jobRecord{Op: "rate", ID: j.ID, Rate: random.Int64N(3)}
	case 0:
		return jobRecord{Op: "forgotten", ID: j.ID}
	case 1:
		return jobRecord{Op: "ended", ID: j.ID, State: Failed, Status: 1}
	}
	return jobRecord{Op: "began", ID: j.ID}
}

func TestQueueForgetsTheOldest(t *testing.T) {
	q := new(queue)
	for i := range mostEnded + 3 {
		id := fmt.Sprint("job-", i)
		must(t, q.apply(jobRecord{Op: "submitted", Job: &JobInfo{ID: id, State: Queued}}))
		if i != 1 {
			must(t, q.apply(jobRecord{Op: "ended", ID: id, State: Complete}))
		}
	}
	if got := fmt.Sprint(q.surplus()); got != "[job-2 job-0]" {
		t.Error(got)
	}
}
