package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/flowsh/flowsh/engine"
)

// Protocol is the version of what the processes of a cluster say to each other. Others are refused.
const Protocol = 1

// A hello is the first message of whoever dials a master.
type hello struct {
	Protocol int    `json:"protocol"`
	Version  string `json:"version"` // of flowsh: both sides must have the same, or results could differ
	Role     string `json:"role"`    // worker or client
	Name     string `json:"name,omitempty"`
	Slots    int    `json:"slots,omitempty"`
}

// A welcome is the master's answer.
type welcome struct {
	Error string `json:"error,omitempty"`
}

// A request is the first message of a stream to a master or a worker.
type request struct {
	Op     string  `json:"op"` // submit, attach, and leave on the same stream; jobs, receipts, logs, follow, pause, resume, rate, bundle, cancel, forget, nodes, drain; held and drain, of a worker; execute, death and drain, to one
	Submit *Submit `json:"submit,omitempty"`
	Worker string  `json:"worker,omitempty"` // whom the stream is for
	Job    string  `json:"job,omitempty"`
	Part   string  `json:"part,omitempty"` // which of the job's executors at the worker; "": its own one
	Rate   int64   `json:"rate,omitempty"` // records in a second; 0: any number
	Have   *int64  `json:"have,omitempty"` // bytes of output that a client has which is back; nil: it never was there
	// Jobs are those of which a worker has what tasks gave. The answer names all that run.
	Jobs []string `json:"jobs,omitempty"`
}

// A Submit asks a master to run a job.
type Submit struct {
	Bundle   []byte   `json:"bundle"`
	Name     string   `json:"name"`               // of the script, for people
	Token    string   `json:"token,omitempty"`    // who submits again what may have come before names it by the same; Client.Submit makes it
	Detached bool     `json:"detached,omitempty"` // the client does not wait
	After    []string `json:"after,omitempty"`    // jobs that end before this one begins
	Anyway   bool     `json:"anyway,omitempty"`   // even if they fail
	// StopsQueue lets no job begin after this one has failed, until the queue is resumed.
	StopsQueue bool `json:"stops_queue,omitempty"`

	Distribute Distribution `json:"distribute,omitempty"`
	// Retries is a job that has ended, whose tasks are not done again where they would give the same; without a Bundle it
	// is that job which is done again. DeadOnly takes all of its tasks in which no record failed, whatever the functions
	// of the script do now.
	Retries  string `json:"retries,omitempty"`
	DeadOnly bool   `json:"dead_only,omitempty"`

	Webhooks []string `json:"webhooks,omitempty"` // URLs to which the job has the master post
}

// An assignment tells an executor, first of all, what it is to be.
type assignment struct {
	Job    string `json:"job"`  // with the number of the head that runs it: what tasks gave to another counts for none
	Head   bool   `json:"head"` // it runs the job and gives tasks to others; otherwise it does tasks
	Bundle []byte `json:"bundle"`
	Sum    string `json:"sum"`             // of the bundle, as when it was submitted
	ID     string `json:"id,omitempty"`    // of the job in the queue
	Jobs   string `json:"jobs,omitempty"`  // folder of the folders of all jobs, for results; "": they are not kept
	Keep   string `json:"keep,omitempty"`  // folder for what outlives a head; "": nothing does
	Of     string `json:"of,omitempty"`    // whose tasks it may have, for people
	Graph  string `json:"graph,omitempty"` // hash of the graph that the bundle must give; "": any

	Data *dataKeys `json:"data,omitempty"` // for the data link of an executor that does tasks; nil: it has none

	// Retain has what tasks give outlive the executor, which offers what an earlier one has left.
	Retain bool `json:"retain,omitempty"`

	Distribute Distribution `json:"distribute,omitempty"`
	Workers    int          `json:"workers,omitempty"` // that there are as the job begins
	DeadOnly   bool         `json:"dead_only,omitempty"`
}

// An assigned is an executor's answer.
type assigned struct {
	Graph string `json:"graph"`
	Error string `json:"error,omitempty"`
	Data  string `json:"data,omitempty"` // port of the data link; "": there is none

	Offers []Offer `json:"offers,omitempty"`
}

// An order is what a head's agent tells it while the job runs.
type order struct {
	Op    string `json:"op"` // join, drain, lose; rate
	Name  string `json:"name,omitempty"`
	Slots int    `json:"slots,omitempty"`
	Host  string `json:"host,omitempty"` // of the worker that joins
	Rate  int64  `json:"rate,omitempty"`
}

// What stands in front of a frame from a head: what it is.
const (
	frameOutput  byte = 'o' // bytes of the job's output
	frameEvent   byte = 'e' // an event as JSON
	frameEnd     byte = 'd' // an End as JSON, the last frame
	frameReceipt byte = 'r' // a Receipt as JSON
	frameJob     byte = 'j' // the JobInfo of what was submitted as JSON, the first frame
)

// A wireEvent is an event as JSON.
type wireEvent struct {
	Name string          `json:"name"`
	Data json.RawMessage `json:"data"`
}

// bundleSum is the hash of a bundle: what runs anywhere is what was submitted.
func bundleSum(bundle []byte) string {
	sum := sha256.Sum256(bundle)
	return hex.EncodeToString(sum[:])
}

// GraphHash is the hash of a graph in its JSON form.
func GraphHash(g *engine.Graph) (string, error) {
	data, err := json.Marshal(g)
	if err != nil {
		return "", fmt.Errorf("the graph: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

// A taskRequest is the first message of a stream to an executor that does tasks.
type taskRequest struct {
	Op      string       `json:"op"` // do, fetch, release
	Attempt Attempt      `json:"attempt"`
	Task    *engine.Task `json:"task,omitempty"`
	Inputs  []Input      `json:"inputs,omitempty"` // of the task
	Parts   []Part       `json:"parts,omitempty"`  // that are fetched
}

// A taskReply answers do.
type taskReply struct {
	Output Output   `json:"output"`
	Error  string   `json:"error,omitempty"`
	Lost   *Attempt `json:"lost,omitempty"` // the input that could not be read
}
