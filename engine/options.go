package engine

import (
	"io"
	"runtime"
	"time"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/kernel"
)

// Options say how to run a job; none of them changes what comes out of it.
type Options struct {
	Host *host.Host

	Cores    int    // goroutines per stage; 0: GOMAXPROCS
	Memory   int64  // budget in bytes for the whole process; 0: 1 GiB
	SpillDir string // parent of the scratch folder; "": the host's temporary folder
	Spill    string // where chunks go that do not fit: "segments" (default), "badger", "memory"
	// Compression is that of chunks which spill or go to another process; "": S2.
	Compression chunk.Compression
	Kernels     string        // on (default), off, verify
	MaxSteps    uint64        // Starlark steps for one record; 0: DefaultMaxSteps
	MaxRecord   int64         // longest input record in bytes; 0: 16 MiB
	OnError     *ErrorRules   // for operators that say nothing themselves; nil: fail
	Output      string        // where the unwritten flow goes; "": stdout
	Format      string        // its format; "": by suffix or record
	DryRun      bool          // read the first records only and write nothing
	Timeout     time.Duration // 0: none
	StepTime    time.Duration // longest time for a single step of the script, which nothing can interrupt; 0: none
	Analyze     bool          // measure what each stage does, for Explanation.Analyzed
	Trace       bool          // send an event for each stretch of a worker's time

	// Receive gets the records of every output, and the dead letters, in place of their files: output is what the
	// script writes to, "-" for stdout. It is called in the order of the records, with columns that it may keep; for
	// several outputs at the same time. Its error fails the run, connector.ErrClosedOutput ends the output. nil: outputs are
	// written.
	Receive func(output string, records *chunk.Column) error

	// Tasks does what can be done elsewhere; nil: nothing is.
	Tasks Tasks

	// Mark notes the call of a function of the script that is about to be made, where a task is done with care: if the
	// process ends, that call is the reason. It does not return before the note would outlive the process. nil: no notes.
	Mark func(kernel.Spot)

	// Mask hides secrets of the script in the text of dead letters; nil: there are none.
	Mask func(text string) string

	// Poison overwrites what is used again, so that tests see who kept a part of it.
	Poison bool

	// SplitSize is how many bytes of a file a worker gets at a time: a chunk. 0: as many as the file's size suggests.
	SplitSize int64
	// SplitRecords is how many records of a list, and about how many of a file, a worker gets at a time. 0: SplitSize tells.
	SplitRecords int64
	// Results opens what an earlier job has put out, which is lines; nil: nobody keeps it. An error says why it cannot be read.
	Results func(job string) (io.ReadCloser, error)
	// Throttle bounds how many records a second come from the sources; nil: any number.
	Throttle *Throttle
	// Linger is how long sources that do not say so themselves wait for more to make up a block. See SourceSpec.
	Linger time.Duration
	// BlockSize overrides the size of blocks, for tests of what must not depend on it.
	BlockSize int64
}

// DefaultMaxSteps stops a record function that runs for some seconds.
const DefaultMaxSteps = 500_000_000

func (o Options) withDefaults() Options {
	if o.Host == nil {
		o.Host = host.New()
	}
	if o.Cores <= 0 {
		o.Cores = runtime.GOMAXPROCS(0)
	}
	if o.Memory <= 0 {
		o.Memory = 1 << 30
	}
	if o.MaxSteps == 0 {
		o.MaxSteps = DefaultMaxSteps
	}
	if o.MaxRecord == 0 {
		o.MaxRecord = 16 << 20
	}
	if o.Kernels == "" {
		o.Kernels = "on"
	}
	return o
}

func (o *Options) masked(text string) string {
	if o.Mask == nil {
		return text
	}
	return o.Mask(text)
}
