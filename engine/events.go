package engine

import (
	"time"

	"github.com/flowsh/flowsh/engine/host"
)

// Progress says how far a stage has come. Bytes and Total count input bytes as they stand on disk; both are 0 for
// stages that read no files, Total also where it is not known. Ending says that the stage has read all of its input and is at
// what could not be done before, such as the merge of a sort or a join; Emitted is how many records it has handed on.
type Progress struct {
	Stage   int
	Name    string
	Records int64
	Bytes   int64
	Total   int64
	Ending  bool  `json:",omitempty"`
	Emitted int64 `json:",omitempty"`
}

// StageDone says that all records of a stage went to their consumers.
type StageDone struct {
	Stage   int
	Name    string
	Records int64
}

// Stalled says what waits for what, when nothing has moved for some seconds.
type Stalled struct {
	For  time.Duration
	Text string
}

// Printed is a line that the script printed, in the order of the records. Stage is nil where no stage ran; Chunk and Attempt
// are those of the task that was done elsewhere, as receipts name them, if it was.
type Printed struct {
	Text    string
	Stage   *int   `json:",omitempty"`
	Chunk   string `json:",omitempty"` // STEP.STAGE.TASK
	Attempt int    `json:",omitempty"` // 0: it is not known
}

// Worked says what a worker of a stage did in a stretch of time, under Options.Trace: it took a unit through the stage's
// functions, it handed on the units whose turn had come, or it completed the stage.
type Worked struct {
	Stage   int
	Name    string
	Worker  int
	What    string // unit 7, hand on, finish
	Began   time.Time
	Took    time.Duration
	Records int64 // of the unit; 0 for the rest
}

// DeadLetters says that records failed at an op, and that the job goes on without them.
type DeadLetters struct {
	Op      string
	Records int64
}

// Event names the event for logs.
func (DeadLetters) Event() string { return "dead_letters" }

// Warning is something that the user should know although the job goes on. Stage is the one that it is about; nil: it is not
// about one.
type Warning struct {
	Text  string
	Stage *int `json:",omitempty"`
}

// Event names the event for logs.
func (Progress) Event() string { return "progress" }

// Event names the event for logs.
func (StageDone) Event() string { return "stage_done" }

// Event names the event for logs.
func (Stalled) Event() string { return "stalled" }

// Event names the event for logs.
func (Printed) Event() string { return "print" }

// Event names the event for logs.
func (Worked) Event() string { return "worked" }

// Event names the event for logs.
func (Warning) Event() string { return "warning" }

// Masked implements host.Maskable.
func (e Printed) Masked(mask func(string) string) host.Event {
	e.Text = mask(e.Text)
	return e
}

// Masked implements host.Maskable.
func (e Warning) Masked(mask func(string) string) host.Event {
	e.Text = mask(e.Text)
	return e
}

// Masked implements host.Maskable.
func (e Stalled) Masked(mask func(string) string) host.Event { return Stalled{e.For, mask(e.Text)} }
