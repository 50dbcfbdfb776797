package main

import "strings"

// submitLine are the flags of submit; those of run may stand beside its own.
type submitLine struct {
	runLine `embed:""`
	ownLine `embed:""`
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
	// OnFailure says whether jobs begin behind this one if it fails.
	OnFailure string `default:"continue" enum:"continue,stop"`
	// Distribute says which worker gets a task.
	Distribute string `default:"least_open" enum:"least_open,round_robin,hash"`
}

// parseOwn takes apart the flags that are submit's alone and those that go with the job.
func parseOwn(flags []string) (own *ownLine, rest []string, err error) {
	own = new(ownLine)
	g := newGrammar(own)
	var words []string
	for i := 0; i < len(flags); i++ {
		name, _, joined := strings.Cut(flags[i], "=")
		takesValue, known := g.known(name)
		if !known {
			rest = append(rest, flags[i])
			continue
		}
		words = append(words, flags[i])
		if takesValue && !joined && i+1 < len(flags) {
			i++
			words = append(words, flags[i])
		}
	}
	return own, rest, g.parse(words)
}
