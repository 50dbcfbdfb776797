package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

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
	Rest    bool   `json:"rest,omitempty"` // without its ranges, which its worker has kept
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
// Of a task whose ranges are not kept another attempt may have to give them, with the functions of now.
func (k *Kept) takes(o *keptOutput, t *engine.Task, hash string) bool {
	if o.Task != hash {
		return false
	}
	if o.Job == k.Job {
		return o.Code == t.Code
	}
	return o.Output.Failed == 0 && (k.DeadOnly && !o.Rest || o.Code == t.Code)
}

// store is where a group's pieces go.
func (g *taskGroup) store() spill.Store {
	if g.job.kept != nil {
		return g.job.kept.Store
	}
	return g.job.store
}

// pieceID names a piece. In a store that is kept the name depends on the task alone.
func (g *taskGroup) pieceID(i int, from Attempt, part, n int) string {
	if g.job.kept == nil {
		return "fetched/" + from.piece(part, n)
	}
	return fmt.Sprintf("piece/%s/%d/%d", taskName(&g.tasks[i]), part, n)
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

// keep notes that all pieces of a task are in the store that is kept, but for those of ranges if it is not whole.
func (g *taskGroup) keep(i, attempt int, o Output, whole bool) error {
	if g.job.kept == nil {
		return nil
	}
	hash, err := taskHash(&g.tasks[i])
	if err != nil {
		return err
	}
	data, err := json.Marshal(keptOutput{g.job.kept.Job, attempt, hash, g.tasks[i].Code, o, !whole})
	if err != nil {
		return err
	}
	if err := g.job.kept.Store.Put("task/"+taskName(&g.tasks[i]), data); err != nil {
		return &storeError{err}
	}
	return nil
}

// recall finds the tasks whose pieces are kept, by task. A piece that is missing or corrupt is one that was never fetched.
// Tasks of another job that read others are taken if all of those were, too.
func (g *taskGroup) recall(read ...*fetchedTask) []*fetchedTask {
	here := make([]*fetchedTask, len(g.tasks))
	if g.job.kept == nil {
		return here
	}
	others := !slices.ContainsFunc(read, func(t *fetchedTask) bool { return !t.earlier })
	for i := range g.tasks {
		here[i] = g.recallTask(i, others)
	}
	return here
}

func (g *taskGroup) recallTask(i int, others bool) *fetchedTask {
	data, err := g.job.kept.Store.Get("task/"+taskName(&g.tasks[i]), nil)
	if err != nil {
		return nil
	}
	var k keptOutput
	hash, err := taskHash(&g.tasks[i])
	if err != nil || json.Unmarshal(data, &k) != nil || !others && k.Job != g.job.kept.Job || !g.job.kept.takes(&k, &g.tasks[i], hash) {
		return nil
	}
	t := &fetchedTask{attempt: k.Attempt, earlier: true, output: k.Output, whole: !k.Rest}
	ok := false
	if t.rest, ok = g.recallPart(i, k.Output.rest()); !ok {
		return nil
	}
	for _, p := range k.Output.Ranges {
		ids, ok := g.recallPart(i, p)
		if !t.whole || !ok {
			t.whole, t.ranges = false, nil
			break
		}
		t.ranges = append(t.ranges, ids)
	}
	if !t.whole && !g.held() {
		return nil // nobody would give the ranges alone
	}
	return t
}

// recallPart finds the pieces of a part that are kept.
func (g *taskGroup) recallPart(i int, p Part) (ids []string, ok bool) {
	sum := xxh3.New()
	for n := range p.Pieces {
		id := g.pieceID(i, Attempt{}, p.Number, n)
		piece, err := g.job.kept.Store.Get(id, nil)
		if err != nil {
			return nil, false
		}
		_, _ = sum.Write(piece) // a hash takes everything
		ids = append(ids, id)
	}
	return ids, sum.Sum64() == p.Hash
}
