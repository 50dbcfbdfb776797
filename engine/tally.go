package engine

import "github.com/flowsh/flowsh/engine/operator"

// A tally counts records by key, in memory.
type tally struct {
	stage  *stageRun
	hint   string // what to do when there are too many keys
	counts map[string]int64
	bytes  int64
}

const sizeTallied = 64 // bytes of an entry of a tally without its key

func newTally(s *stageRun, hint string) *tally {
	return &tally{stage: s, hint: hint, counts: map[string]int64{}}
}

// next counts a record under a canonical key and gives the number of those before it. The error is a
// *operator.LimitError when the keys take more than the stage's share.
func (t *tally) next(key []byte) (int64, error) {
	n, known := t.counts[string(key)]
	if t.counts[string(key)] = n + 1; known {
		return n, nil
	}
	t.bytes += int64(len(key)) + sizeTallied
	if share := t.stage.run.share; t.bytes > share {
		return 0, &operator.LimitError{What: t.stage.name, Bytes: t.bytes, Share: share, Hint: t.hint}
	}
	return n, nil
}
