package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/flowsh/flowsh/spill"
)

// An Offer is what a complete attempt gave, which an executor has found in the folder that an earlier one of the same job has
// left at its node.
type Offer struct {
	Attempt
	Output Output `json:"output"`
}

// A Retained is a store whose chunks are found again by the next store in the same folder: *spill.Segments is one. A chunk
// that is damaged is not found.
type Retained interface {
	spill.Store
	// IDs are those of all chunks, in order.
	IDs() []string
}

// retained is where an executor puts what its tasks give, for the next one of the job at its node. Once it cannot be written,
// nothing more goes there. It is safe for concurrent use.
type retained struct {
	Retained
	offers []Offer // what an earlier executor has left
	broken atomic.Bool
}

const (
	pieceOutput  = "task/"
	commitOutput = "done/"
)

// commit is the name of the record that says that all that an attempt gave is there.
func (a Attempt) commit() string {
	return fmt.Sprintf("%s%d/%d/%d", commitOutput, a.Task.Group, a.Task.Index, a.Number)
}

// pieces are the names of all pieces; it reports false if they are more than there can be.
func (o *Offer) pieces(most int) (ids []string, ok bool) {
	for _, p := range o.Output.parts() {
		for i := range p.Pieces {
			if len(ids) == most {
				return nil, false
			}
			ids = append(ids, o.piece(p.Number, i))
		}
	}
	return ids, true
}

// newRetained finds what an earlier executor has left, and removes what is not whole.
func newRetained(store Retained) *retained {
	r := &retained{Retained: store}
	ids := store.IDs()
	useless := map[string]bool{}
	for _, id := range ids {
		useless[id] = true
	}
	for _, id := range ids {
		var o Offer
		if !strings.HasPrefix(id, commitOutput) {
			continue
		}
		if data, err := store.Get(id, nil); err != nil || json.Unmarshal(data, &o) != nil || o.commit() != id {
			continue
		}
		pieces, whole := o.pieces(len(ids))
		for _, piece := range pieces {
			whole = whole && useless[piece]
		}
		if !whole {
			continue
		}
		r.offers = append(r.offers, o)
		delete(useless, id)
		for _, piece := range pieces {
			delete(useless, piece)
		}
	}
	for _, id := range ids {
		if useless[id] {
			_ = store.Delete(id) // it goes with the folder
		}
	}
	return r
}

// Put implements spill.Store. It fails for good once it has failed.
func (r *retained) Put(id string, data []byte) error {
	if r == nil || r.broken.Load() {
		return errNotRetained
	}
	err := r.Retained.Put(id, data)
	if err != nil {
		r.broken.Store(true)
	}
	return err
}

var errNotRetained = errors.New("what tasks give ends with this executor")

// Get implements spill.Store.
func (r *retained) Get(id string, buf []byte) ([]byte, error) {
	if r == nil {
		return buf, errNotRetained
	}
	return r.Retained.Get(id, buf)
}

// Delete implements spill.Store.
func (r *retained) Delete(id string) error {
	if r == nil {
		return nil
	}
	return r.Retained.Delete(id)
}

// Close implements spill.Store.
func (r *retained) Close() error {
	if r == nil {
		return nil
	}
	return r.Retained.Close()
}

// keep has the next executor of the job offer what a complete attempt gave.
func (r *retained) keep(a Attempt, o Output) {
	if data, err := json.Marshal(Offer{a, o}); err == nil {
		_ = r.Put(a.commit(), data) // or it is not offered
	}
}

// retain opens the folder of a job for what its tasks give here; nil: there is none, and that ends with this process. An
// executor that had it before may still be ending.
func (x *Executor) retain(job string) *retained {
	if x.Retain == nil || filepath.Base(job) != job || job == "." || !filepath.IsLocal(job) {
		return nil
	}
	for n := 0; ; n++ {
		store, err := x.Retain(job)
		switch {
		case err == nil:
			return newRetained(store)
		case n == mostRetains || !errors.Is(err, spill.ErrInUse):
			return nil
		}
		<-x.Host.Clock.After(reopenAfter)
	}
}

const mostRetains = 10

// holds are the attempts, of those that a worker offers, that counted until they were lost, with the same output. The others
// are let go. The lock is held.
func (j *Job) holds(w Worker, offers []Offer) (holds []Attempt) {
	for _, o := range offers {
		var lost *acceptedAttempt
		if n := o.Task.Group; n >= 0 && n < len(j.groups) {
			lost = j.groups[n].lost[o.Task.Index]
		}
		if lost == nil || lost.number != o.Number || !lost.output.same(&o.Output) {
			w.Release(o.Attempt)
			continue
		}
		g := j.groups[o.Task.Group]
		delete(g.lost, o.Task.Index)
		g.outputs[o.Attempt] = o.Output
		holds = append(holds, o.Attempt)
	}
	return holds
}
