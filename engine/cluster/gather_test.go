package cluster

import (
	"slices"
	"testing"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/connector"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/spill"
	"pgregory.net/rapid"
)

// inputOf is a task for each split of these sizes.
func inputOf(sizes ...int64) (tasks []engine.Task) {
	for i, size := range sizes {
		tasks = append(tasks, engine.Task{TaskID: engine.TaskID{Task: i}, Splits: []connector.Split{{Index: i, Size: size}}})
	}
	return tasks
}

func splitsOf(tasks []engine.Task) (counts []int) {
	for _, t := range tasks {
		counts = append(counts, len(t.Splits))
	}
	return counts
}

func TestGather(t *testing.T) {
	const split = 16 << 20
	for _, c := range []struct {
		name    string
		splits  []int64
		workers int
		want    []int
	}{
		{"a task for each of two workers", slices.Repeat([]int64{split}, 8), 2, []int{4, 4}},
		{"none is larger than 64 MiB", slices.Repeat([]int64{split}, 16), 2, []int{4, 4, 4, 4}},
		{"workers share what there is", slices.Repeat([]int64{split}, 8), 4, []int{2, 2, 2, 2}},
		{"too little for so many workers", slices.Repeat([]int64{split}, 3), 4, []int{1, 1, 1}},
		{"small files", slices.Repeat([]int64{split / 4}, 12), 2, []int{6, 6}},
		{"a size that is not known", []int64{split, split, 0, split}, 1, []int{1, 1, 1, 1}},
		{"splits that are larger", slices.Repeat([]int64{8 * split}, 3), 1, []int{1, 1, 1}},
		{"no workers", slices.Repeat([]int64{split}, 8), 0, slices.Repeat([]int{1}, 8)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := splitsOf(gather(inputOf(c.splits...), c.workers)); !slices.Equal(got, c.want) {
				t.Errorf("tasks of %v splits, want %v", got, c.want)
			}
		})
	}
}

func TestGatherLosesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sizes := rapid.SliceOfN(rapid.Int64Range(1, 80<<20), 0, 60).Draw(rt, "sizes")
		next := 0
		for _, task := range gather(inputOf(sizes...), rapid.IntRange(0, 8).Draw(rt, "workers")) {
			if task.Task != next {
				rt.Fatalf("task %d begins with split %d", task.Task, next)
			}
			for _, s := range task.Splits {
				if s.Index != next {
					rt.Fatalf("split %d comes where %d should", s.Index, next)
				}
				next++
			}
		}
		if next != len(sizes) {
			rt.Fatalf("%d of %d splits", next, len(sizes))
		}
	})
}

func TestGatherAsTheFirstHead(t *testing.T) {
	store := spill.NewMem()
	for _, workers := range []int{3, 1, 0} {
		j := NewJob(host.NewMemory(), store, &Kept{Store: store})
		if err := j.Gather(workers); err != nil {
			t.Fatal(err)
		}
		if j.gathers != 3 {
			t.Errorf("with %d workers tasks are made for %d, not for the 3 that the first head had", workers, j.gathers)
		}
		j.Close()
	}
}
