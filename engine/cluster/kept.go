package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/spill"
	"github.com/zeebo/xxh3"
)

// A keptOutput is what a store that is kept says of a task whose pieces are all there: its commit.
type keptOutput struct {
	Task   string `json:"task"` // hash of the task: another split of the input is another task
	Output Output `json:"output"`
}

// store is where a group's pieces go.
func (g *taskGroup) store() spill.Store {
	if g.job.kept != nil {
		return g.job.kept
	}
	return g.job.store
}

// pieceID names a piece. In a store that is kept the name depends on the task alone.
func (g *taskGroup) pieceID(i int, from Attempt, n int) string {
	if g.job.kept == nil {
		return "fetched/" + from.piece(n)
	}
	return fmt.Sprintf("piece/%s/%d", taskName(&g.tasks[i]), n)
}

func taskName(t *engine.Task) string { return fmt.Sprintf("%d/%d/%d", t.Step, t.Stage, t.Task) }

// taskHash is the hash of what a task is to do.
func taskHash(t *engine.Task) (string, error) {
	data, err := json.Marshal(t)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), err
}

// keep notes that all pieces of a task are in the store that is kept.
func (g *taskGroup) keep(i int, o Output) error {
	if g.job.kept == nil {
		return nil
	}
	hash, err := taskHash(&g.tasks[i])
	if err != nil {
		return err
	}
	data, err := json.Marshal(keptOutput{hash, o})
	if err != nil {
		return err
	}
	if err := g.job.kept.Put("task/"+taskName(&g.tasks[i]), data); err != nil {
		return &storeError{err}
	}
	return nil
}

// recall finds the first tasks whose pieces an earlier head has kept, and says how many they are. A piece that is
// missing or corrupt is one that was never fetched.
func (g *taskGroup) recall() int {
	if g.job.kept == nil {
		return 0
	}
	for i := range g.tasks {
		ids, ok := g.recallTask(i)
		if !ok {
			return i
		}
		g.add(i, ids)
	}
	return len(g.tasks)
}

func (g *taskGroup) recallTask(i int) (ids []string, ok bool) {
	data, err := g.job.kept.Get("task/"+taskName(&g.tasks[i]), nil)
	if err != nil {
		return nil, false
	}
	var k keptOutput
	hash, err := taskHash(&g.tasks[i])
	if err != nil || json.Unmarshal(data, &k) != nil || k.Task != hash {
		return nil, false
	}
	sum := xxh3.New()
	for n := range k.Output.Pieces {
		id := g.pieceID(i, Attempt{}, n)
		piece, err := g.job.kept.Get(id, nil)
		if err != nil {
			return nil, false
		}
		_, _ = sum.Write(piece) // a hash takes everything
		ids = append(ids, id)
	}
	return ids, sum.Sum64() == k.Output.Hash
}
