package cluster

import (
	"math"
	"testing"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/spill"
	"github.com/zeebo/xxh3"
)

// TestRecallOfRanges keeps what a task gave with its ranges, and without them, and looks what other heads take of it.
func TestRecallOfRanges(t *testing.T) {
	rest, state := []byte("what only the head reads"), []byte("state of a range")
	output := Output{
		Pieces: 1, Bytes: int64(len(rest)), Hash: xxh3.Hash(rest),
		Ranges: []Part{{Number: 1, Pieces: 1, Bytes: int64(len(state)), Hash: xxh3.Hash(state)}},
	}
	for _, c := range []struct {
		name     string
		whole    bool
		rots     bool // the range, where it is kept
		foldOver int64
		code     string // of the functions of now
		job      string // that takes it
		taken    bool
		ranges   int // pieces
	}{
		{"all is there", true, false, math.MaxInt64, "f", "job-1", true, 1},
		{"a range has rotted, and the head folds all", true, true, math.MaxInt64, "f", "job-1", false, 0},
		{"a range has rotted, and workers may give it again", true, true, 0, "f", "job-1", true, 0},
		{"workers have had the ranges", false, false, 0, "f", "job-1", true, 0},
		{"workers have had them, and the head folds all now", false, false, math.MaxInt64, "f", "job-1", false, 0},
		{"another job has other functions, and takes all in which nothing failed", true, false, 0, "g", "job-2", true, 1},
		{"another job has other functions, which would give the ranges", false, false, 0, "g", "job-2", false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			store := spill.NewMem()
			group := func(code, job string) *taskGroup {
				j := &Job{foldOver: c.foldOver, kept: &Kept{Store: store, Job: job, DeadOnly: true}}
				return &taskGroup{job: j, tasks: []engine.Task{{Ranges: 1, Code: code}}}
			}
			before := group("f", "job-1")
			must(t, store.Put(before.pieceID(0, Attempt{}, 0, 0), rest))
			if c.whole {
				must(t, store.Put(before.pieceID(0, Attempt{}, 1, 0), state))
			}
			must(t, before.keep(0, 1, output, c.whole))
			if c.rots {
				must(t, store.Put(before.pieceID(0, Attempt{}, 1, 0), []byte("state of a ranga")))
			}
			got := group(c.code, c.job).recall()[0]
			switch {
			case (got != nil) != c.taken:
				t.Errorf("it is taken: %t", got != nil)
			case c.taken && (len(got.rest) != 1 || len(got.ranges) != c.ranges || got.whole != (c.ranges > 0)):
				t.Errorf("it is taken as %+v", got)
			}
		})
	}
}
