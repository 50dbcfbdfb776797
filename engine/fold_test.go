package engine

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/operator"
	"github.com/flowsh/flowsh/spill"
)

// smallStage is one of a job with little memory.
var smallStage = &stageRun{run: &stepRun{jobRun: &jobRun{options: Options{Memory: 1 << 20}}}}

// lanesUnit has one record for each of some lanes.
func lanesUnit(t *testing.T, g *operator.Groups, number, lanes int) *routed {
	t.Helper()
	k := &operator.Keyed{Batch: &chunk.Batch{Base: uint64(number * lanes)}}
	for lane := range lanes {
		k.Keys.AppendInt(int64(lane))
		k.Values.AppendInt(int64(number))
	}
	r := new(routed)
	if err := g.Route(k, &r.Routed); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestSlowLane folds lists of numbers by lane, of which one does not get on before all others are done. Without that
// many units could not be taken over.
func TestSlowLane(t *testing.T) {
	const lanes, units, cores = 5, 40, 2
	groups := operator.NewGroups(operator.GroupsConfig{
		New: func() (operator.Aggregate, error) { return operator.NewList(), nil }, Ordered: true,
		Memory: operator.Memory{Share: 1 << 20, Store: spill.NewMem(), Host: host.NewMemory(), ID: "test"},
	})
	var slow int // the bucket of lane 0
	for one := lanesUnit(t, groups, 0, 1); one.Len(slow) == 0; {
		slow++
	}
	behind := lanesUnit(t, groups, 0, lanes).Len(slow) // of each unit, in that bucket
	q := newFoldQueue(&groupEnd{stage: smallStage, groups: groups, lanes: lanes}, cores)
	others := make(chan int64, units*lanes)
	gate := make(chan struct{})
	q.fold = func(bucket int, n int64, add func() error) {
		if bucket == slow {
			<-gate
		}
		if err := add(); err != nil {
			t.Error(err)
		}
		if bucket != slow {
			others <- n
		}
	}
	for n := range units {
		if err := q.dispatch(lanesUnit(t, groups, n, lanes)); err != nil {
			t.Fatal(err)
		}
	}
	for left := int64(units * (lanes - behind)); left > 0; {
		left -= <-others
	}
	close(gate)
	q.end(true)
	var want, got string
	for n := range units {
		want += fmt.Sprintf("%d, ", n)
	}
	seen := 0
	err := groups.Emit(t.Context(), func(k *operator.Keyed) error {
		for i := range k.Keys.N {
			seen++
			if got = k.Values.At(i).String(); got != "["+want[:len(want)-2]+"]" {
				t.Errorf("lane %v: %s", k.Keys.At(i), got)
			}
		}
		return nil
	})
	if err != nil || seen != lanes {
		t.Errorf("%d lanes, %v", seen, err)
	}
}

// TestFoldedUnitsAreLetGo folds units, which are views of their input, and looks for them afterwards.
func TestFoldedUnitsAreLetGo(t *testing.T) {
	groups := operator.NewGroups(operator.GroupsConfig{
		New: func() (operator.Aggregate, error) { return operator.NewList(), nil }, Ordered: true,
		Memory: operator.Memory{Share: 1 << 20, Store: spill.NewMem(), Host: host.NewMemory(), ID: "test"},
	})
	g := &groupEnd{stage: smallStage, groups: groups}
	q := newFoldQueue(g, 1)
	q.fold = func(_ int, _ int64, add func() error) {
		if err := add(); err != nil {
			t.Error(err)
		}
	}
	var folded []weak.Pointer[routed]
	for n := range 3 {
		r := lanesUnit(t, groups, n, 1)
		r.bytes = 1 << 20
		folded = append(folded, weak.Make(r))
		if err := q.dispatch(r); err != nil {
			t.Fatal(err)
		}
	}
	q.end(true)
	runtime.GC()
	for n, p := range folded {
		if p.Value() != nil {
			t.Errorf("unit %d is kept", n)
		}
	}
	runtime.KeepAlive(q)
	runtime.KeepAlive(g)
}

// TestOneLaneIsNotShed has nothing beside the slow lane: units wait for it in memory, and the one who brings them too.
func TestOneLaneIsNotShed(t *testing.T) {
	store := spill.NewMem()
	groups := operator.NewGroups(operator.GroupsConfig{
		New: func() (operator.Aggregate, error) { return operator.NewList(), nil }, Ordered: true,
		Memory: operator.Memory{Share: 1 << 20, Store: store, Host: host.NewMemory(), ID: "test"},
	})
	q := newFoldQueue(&groupEnd{stage: smallStage, groups: groups, lanes: 1}, 2)
	q.fold = func(_ int, _ int64, add func() error) {
		if err := add(); err != nil {
			t.Error(err)
		}
		if store.Bytes() > 0 {
			t.Error("records went to disk")
		}
	}
	for n := range 50 {
		if err := q.dispatch(lanesUnit(t, groups, n, 1)); err != nil {
			t.Fatal(err)
		}
		q.mu.Lock()
		if q.units > q.most {
			t.Errorf("%d units wait", q.units)
		}
		for i := range q.buckets {
			if q.buckets[i].backlog != nil {
				t.Error("records went to disk")
			}
		}
		q.mu.Unlock()
	}
	q.end(true)
}

// TestFoldQueueLimitsInput has units of more input than may wait: one waits at a time.
func TestFoldQueueLimitsInput(t *testing.T) {
	groups := operator.NewGroups(operator.GroupsConfig{
		New: func() (operator.Aggregate, error) { return operator.NewList(), nil }, Ordered: true,
		Memory: operator.Memory{Share: 1 << 20, Store: spill.NewMem(), Host: host.NewMemory(), ID: "test"},
	})
	q := newFoldQueue(&groupEnd{stage: smallStage, groups: groups}, 2)
	q.limit = 10
	q.fold = func(_ int, _ int64, add func() error) {
		q.mu.Lock()
		if q.units > 1 || q.bytes > 11 {
			t.Errorf("%d units of %d bytes wait", q.units, q.bytes)
		}
		q.mu.Unlock()
		if err := add(); err != nil {
			t.Error(err)
		}
	}
	for n := range 50 {
		r := lanesUnit(t, groups, n, 1)
		r.bytes = 11
		if err := q.dispatch(r); err != nil {
			t.Fatal(err)
		}
	}
	q.end(true)
	if q.bytes != 0 {
		t.Errorf("%d bytes wait at the end", q.bytes)
	}
}

// TestFullOfWhatIsFolded has no room for a unit because of one that a slow lane is at, and nothing that could go to disk: the
// unit waits for that lane, also where others have nothing to do.
func TestFullOfWhatIsFolded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		groups := operator.NewGroups(operator.GroupsConfig{
			New: func() (operator.Aggregate, error) { return operator.NewList(), nil }, Ordered: true,
			Memory: operator.Memory{Share: 1 << 20, Store: spill.NewMem(), Host: host.NewMemory(), ID: "test"},
		})
		q := newFoldQueue(&groupEnd{stage: smallStage, groups: groups, lanes: 5}, 2)
		q.limit = 10
		gate := make(chan struct{})
		q.fold = func(_ int, _ int64, add func() error) {
			<-gate
			if err := add(); err != nil {
				t.Error(err)
			}
		}
		taken := false
		for n, lanes := range []int{1, 5} {
			r := lanesUnit(t, groups, n, lanes)
			r.bytes = 11
			go func() {
				if err := q.dispatch(r); err != nil {
					t.Error(err)
				}
				taken = n == 1
			}()
			synctest.Wait()
		}
		if taken {
			t.Error("a unit was taken that there is no room for")
		}
		close(gate)
		synctest.Wait()
		if !taken {
			t.Error("a unit was not taken though there is room")
		}
		q.end(true)
	})
}
