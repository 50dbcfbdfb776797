package main

import (
	"slices"
	"strings"
)

// submitLine are the flags of submit; those of run may stand beside its own.
type submitLine struct {
	runLine `embed:""`
	Master  string
	Keys    string
	Wait    period
	Ship    bool
	Detach  bool
	After   string
	Anyway  bool

	Distribute string `default:"least_open" enum:"least_open,round_robin,hash"`
}

// ownLine are the flags that are submit's alone.
type ownLine struct {
	Master string
	Keys   string
	Wait   period // for a master that does not answer, and for workers
	Ship   bool   // the input files go along with the job
	Detach bool   // the job goes on without this process
	After  string // jobs, separated by commas
	Anyway bool   // even if those fail
	// Distribute says which worker gets a task.
	Distribute string `default:"least_open" enum:"least_open,round_robin,hash"`
	words      []string
}

// take takes apart the flags that are submit's alone and those that go with the job.
func (submitLine) take(flags []string) (*ownLine, []string) {
	own := new(ownLine)
	var rest []string
	for i := 0; i < len(flags); i++ {
		name, _, joined := strings.Cut(flags[i], "=")
		valued := slices.Contains([]string{"--master", "--keys", "--wait", "--after", "--distribute"}, name)
		if !valued && !slices.Contains([]string{"--ship", "--detach", "--anyway"}, name) {
			rest = append(rest, flags[i])
			continue
		}
		own.words = append(own.words, flags[i])
		if !joined && valued && i+1 < len(flags) {
			i++
			own.words = append(own.words, flags[i])
		}
	}
	return own, rest
}
