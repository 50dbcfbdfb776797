package cluster

import (
	"encoding/json"

	"github.com/flowsh/flowsh/engine"
)

// A task costs a worker a table of its own, and the head one more state of nearly every key. So tasks are made larger
// where there is enough input for everybody.
const (
	leastGathered = 16 << 20 // bytes of a task; input that gives less to each worker stays as it was cut
	mostGathered  = 64 << 20
)

// Gather makes tasks larger where the input is large for so many workers; 0 leaves them as they are. It is called before
// the job runs. Another head of the job uses the number of the first, for what is kept is named by task.
func (j *Job) Gather(workers int) error {
	if j.kept != nil {
		const id = "workers"
		if data, err := j.kept.Store.Get(id, nil); err == nil && json.Unmarshal(data, &workers) == nil {
			j.gathers = workers
			return nil
		}
		data, err := json.Marshal(workers)
		if err == nil {
			err = j.kept.Store.Put(id, data)
		}
		if err != nil {
			return err
		}
	}
	j.gathers = workers
	return nil
}

// gather joins tasks that follow each other to as many as there are workers, or more if those would be too large. All
// are about as large as each other.
func gather(tasks []engine.Task, workers int) []engine.Task {
	total := int64(0)
	for i := range tasks {
		size := tasks[i].Size()
		if size <= 0 {
			return tasks
		}
		total += size
	}
	if workers < 1 || total < int64(workers)*leastGathered {
		return tasks
	}
	n := max(int64(workers), (total+mostGathered-1)/mostGathered)
	var joined []engine.Task
	before, last := int64(0), int64(-1) // bytes of the tasks so far, and the number of the one that is open
	for _, t := range tasks {
		size := t.Size()
		number := int64(float64(before+size/2) / float64(total) * float64(n)) // where the middle of the task is
		if before += size; number == last {
			into := &joined[len(joined)-1]
			into.Splits = append(into.Splits[:len(into.Splits):len(into.Splits)], t.Splits...)
			continue
		}
		joined, last = append(joined, t), number
	}
	return joined
}
