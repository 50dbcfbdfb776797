package cluster

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// A JobState is how far a job has come.
type JobState string

// The states of jobs.
const (
	Queued              JobState = "queued"
	Running             JobState = "running"
	Complete            JobState = "complete"
	CompleteWithRetries JobState = "complete_with_retries" // it, or a chunk of it, was begun more than once
	Failed              JobState = "failed"
	Cancelled           JobState = "cancelled"
)

// Over reports whether the job has ended.
func (s JobState) Over() bool { return s != Queued && s != Running }

func (s JobState) good() bool { return s == Complete || s == CompleteWithRetries }

// A JobInfo is a job of a master's queue, as people and programs see it.
type JobInfo struct {
	ID         string       `json:"id"`
	Name       string       `json:"name"` // of the script
	State      JobState     `json:"state"`
	Bundle     string       `json:"bundle"`                // SHA-256 of what was submitted
	Token      string       `json:"token,omitempty"`       // of the Submit; the master tells it nobody
	Detached   bool         `json:"detached,omitempty"`    // nobody waits for it: its output is kept
	After      []string     `json:"after,omitempty"`       // jobs that end before it begins
	Anyway     bool         `json:"anyway,omitempty"`      // it begins even if they fail
	StopsQueue bool         `json:"stops_queue,omitempty"` // no job begins after it has failed
	Distribute Distribution `json:"distribute,omitempty"`  // ""; least_open
	Retries    string       `json:"retries,omitempty"`     // the job whose tasks it need not do again
	DeadOnly   bool         `json:"dead_only,omitempty"`   // but for those in which a record failed, whatever the script does now
	Rate       int64        `json:"rate,omitempty"`        // records that it takes from its sources in a second; 0: any number
	Attempts   int          `json:"attempts"`              // how often it was begun
	Status     int          `json:"status"`                // exit status
	Reason     string       `json:"reason,omitempty"`      // why it was cancelled, or failed

	// Tasks is how many tasks the job has made so far, and Done how many of them it is through with, as far as this master
	// has heard.
	Tasks int `json:"tasks,omitempty"`
	Done  int `json:"done,omitempty"`

	Submitted time.Time `json:"submitted"`
	Began     time.Time `json:"began,omitzero"` // the last time
	Ended     time.Time `json:"ended,omitzero"`

	// Last is what whoever waits for the job hears again, if the connection broke at the very end; the master tells it nobody else.
	Last *LastWord `json:"last,omitempty"`

	unclaimed bool // it does not begin before its client is there
}

// A LastWord is how a job has ended whose output is not kept.
type LastWord struct {
	Output int64 `json:"output"` // bytes
	End    End   `json:"end"`
}

// public is the job as clients may see it.
func (j *JobInfo) public() JobInfo {
	seen := *j
	seen.Token, seen.Last = "", nil
	return seen
}

// A jobRecord is what the journal says of a job.
type jobRecord struct {
	Op     string    `json:"op"` // submitted, rate, began, ended, forgotten; paused, resumed: of all jobs
	Job    *JobInfo  `json:"job,omitempty"`
	ID     string    `json:"id,omitempty"`
	At     time.Time `json:"at,omitzero"`
	State  JobState  `json:"state,omitempty"`
	Status int       `json:"status,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Last   *LastWord `json:"last,omitempty"`
	Number int       `json:"number,omitempty"` // of jobs so far
	Rate   int64     `json:"rate,omitempty"`
}

// A queue is the jobs of a master, in the order in which they were submitted. It is a state machine: the same records
// give the same queue.
type queue struct {
	jobs   []*JobInfo
	number int  // of jobs so far
	paused bool // no more jobs begin
}

// apply does what a record says. One that does not fit what was before is an error: the journal is another's.
func (q *queue) apply(r jobRecord) error {
	if r.Op == "submitted" {
		if r.Job == nil || q.find(r.Job.ID) != nil {
			return fmt.Errorf("the journal has a job twice, or without a name")
		}
		job := *r.Job
		q.jobs = append(q.jobs, &job)
		q.number = max(q.number, r.Number)
		return nil
	}
	if r.Op == "paused" || r.Op == "resumed" {
		q.paused = r.Op == "paused"
		return nil
	}
	job := q.find(r.ID)
	if job == nil {
		return fmt.Errorf("the journal says %s of %s, which was never submitted", r.Op, r.ID)
	}
	switch r.Op {
	case "rate":
		job.Rate = r.Rate
	case "began":
		job.State, job.Began = Running, r.At
		job.Attempts++
	case "ended":
		job.State, job.Status, job.Reason, job.Ended, job.Last = r.State, r.Status, r.Reason, r.At, r.Last
		q.paused = q.paused || job.StopsQueue && job.State == Failed
	case "forgotten":
		q.jobs = slices.DeleteFunc(q.jobs, func(j *JobInfo) bool { return j == job })
	default:
		return fmt.Errorf("the journal says %q, which this version does not know", r.Op)
	}
	return nil
}

func (q *queue) find(id string) *JobInfo {
	i := slices.IndexFunc(q.jobs, func(j *JobInfo) bool { return j.ID == id })
	if i < 0 {
		return nil
	}
	return q.jobs[i]
}

// next is the first job that may begin, while no more than parallel run; nil if there is none. A job that waits for others
// lets those behind it pass.
func (q *queue) next(parallel int) *JobInfo {
	if q.paused {
		return nil
	}
	running := 0
	for _, j := range q.jobs {
		if j.State == Running {
			running++
		}
	}
	if running >= parallel {
		return nil
	}
	for _, j := range q.jobs {
		if j.State == Queued && !j.unclaimed && q.ready(j) {
			return j
		}
	}
	return nil
}

// ready reports whether all that a job comes after has ended.
func (q *queue) ready(j *JobInfo) bool {
	return !slices.ContainsFunc(j.After, func(id string) bool {
		before := q.find(id)
		return before != nil && !before.State.Over()
	})
}

// doomed is the first job that waits for one that has failed, and that one; nil if there is none.
func (q *queue) doomed() (j, failed *JobInfo) {
	for _, j := range q.jobs {
		if j.State != Queued || j.Anyway {
			continue
		}
		for _, id := range j.After {
			if before := q.find(id); before != nil && before.State.Over() && !before.State.good() {
				return j, before
			}
		}
	}
	return nil, nil
}

// outcome is the state of a job that has ended by itself.
func outcome(j *JobInfo, status int, retried bool) JobState {
	switch {
	case status != 0:
		return Failed
	case j.Attempts > 1 || retried:
		return CompleteWithRetries
	}
	return Complete
}

// surplus are the jobs that ended first, so many that mostEnded are left.
func (q *queue) surplus() (ids []string) {
	ended := 0
	for _, j := range slices.Backward(q.jobs) {
		if !j.State.Over() {
			continue
		}
		if ended++; ended > mostEnded {
			ids = append(ids, j.ID)
		}
	}
	return ids
}

// mostEnded is how many jobs that have ended a master remembers, with their output.
const mostEnded = 1000

// snapshot is records that give the queue as it is.
func (q *queue) snapshot() ([][]byte, error) {
	var records [][]byte
	for _, j := range q.jobs {
		data, err := json.Marshal(jobRecord{Op: "submitted", Job: j, Number: q.number})
		if err != nil {
			return nil, err
		}
		records = append(records, data)
	}
	if q.paused {
		data, err := json.Marshal(jobRecord{Op: "paused"})
		if err != nil {
			return nil, err
		}
		records = append(records, data)
	}
	return records, nil
}
