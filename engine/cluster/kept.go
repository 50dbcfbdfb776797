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
	Job     string `json:"job"`     // that had it done
	Attempt int    `json:"attempt"` // of it
	Task    string `json:"task"`    // hash of the task: another split of the input is another task
	Code    string `json:"code"`    // of the task
	Output  Output `json:"output"`
}

// Kept is a store that outlives the head of a job, and what is in it that this job takes.
type Kept struct {
	Store spill.Store
	Job   string // the job's name: what it has had done itself is taken as it is
	Of    string // the job that another part was done for, for people; "": none
	// DeadOnly takes all tasks of other jobs in which no record failed, though the code of their functions is another.
	DeadOnly bool
}

// takes reports whether the job takes what a task gave: it is what the task would give, as far as anybody knows.
func (k *Kept) takes(o *keptOutput, t *engine.Task, hash string) bool {
	if o.Task != hash {
		return false
	}
	if o.Job == k.Job {
		return o.Code == t.Code
	}
	return o.Output.Failed == 0 && (k.DeadOnly || o.Code == t.Code)
}

// store is where a group's pieces go.
func (g *taskGroup) store() spill.Store {
	if g.job.kept != nil {
		return g.job.kept.Store
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

// taskHash is the hash of what a task is to do, but for the code of its functions.
func taskHash(t *engine.Task) (string, error) {
	same := *t
	same.Code = ""
	data, err := json.Marshal(same)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), err
}

// keep notes that all pieces of a task are in the store that is kept.
func (g *taskGroup) keep(i, attempt int, o Output) error {
	if g.job.kept == nil {
		return nil
	}
	hash, err := taskHash(&g.tasks[i])
	if err != nil {
		return err
	}
	data, err := json.Marshal(keptOutput{g.job.kept.Job, attempt, hash, g.tasks[i].Code, o})
	if err != nil {
		return err
	}
	if err := g.job.kept.Store.Put("task/"+taskName(&g.tasks[i]), data); err != nil {
		return &storeError{err}
	}
	return nil
}

// A recalled task was done before this run of the job.
type recalled struct {
	ids     []string // of its pieces
	attempt int
}

// recall finds the tasks whose pieces are kept. A piece that is missing or corrupt is one that was never fetched.
func (g *taskGroup) recall() (pieces map[int]recalled, kept []bool) {
	pieces, kept = map[int]recalled{}, make([]bool, len(g.tasks))
	if g.job.kept == nil {
		return pieces, kept
	}
	for i := range g.tasks {
		if pieces[i], kept[i] = g.recallTask(i); !kept[i] {
			delete(pieces, i)
		}
	}
	return pieces, kept
}

func (g *taskGroup) recallTask(i int) (r recalled, ok bool) {
	store := g.job.kept.Store
	data, err := store.Get("task/"+taskName(&g.tasks[i]), nil)
	if err != nil {
		return r, false
	}
	var k keptOutput
	hash, err := taskHash(&g.tasks[i])
	if err != nil || json.Unmarshal(data, &k) != nil || !g.job.kept.takes(&k, &g.tasks[i], hash) {
		return r, false
	}
	r.attempt = k.Attempt
	sum := xxh3.New()
	for n := range k.Output.Pieces {
		id := g.pieceID(i, Attempt{}, n)
		piece, err := store.Get(id, nil)
		if err != nil {
			return r, false
		}
		_, _ = sum.Write(piece) // a hash takes everything
		r.ids = append(r.ids, id)
	}
	return r, sum.Sum64() == k.Output.Hash
}
