package chunk

import (
	"encoding/binary"
	"fmt"
)

// An ID names a chunk in its job for ever: which attempt of which task made it, for which lanes, as its how
// manyth. Two chunks with the same ID have the same records.
type ID struct {
	Job      string // unique id of the job, at most MaxJob bytes
	Step     uint32
	Stage    uint32
	Epoch    uint64 // 0 in bounded jobs
	Task     uint32
	Attempt  uint32
	LaneLow  uint32 // first lane, or 0
	LaneHigh uint32 // lane after the last, or 0 before a partition
	Sequence uint64
}

// MaxJob is the length that a job's id may have in bytes.
const MaxJob = 255

// String is the id as a key for a store; different ids have different strings as long as no job has a slash in
// its id.
func (id ID) String() string {
	return fmt.Sprintf("%s/%d/%d/%d/%d/%d/%d-%d/%d",
		id.Job, id.Step, id.Stage, id.Epoch, id.Task, id.Attempt, id.LaneLow, id.LaneHigh, id.Sequence)
}

func (id *ID) numbers() [8]uint64 {
	return [...]uint64{
		uint64(id.Step), uint64(id.Stage), id.Epoch, uint64(id.Task),
		uint64(id.Attempt), uint64(id.LaneLow), uint64(id.LaneHigh), id.Sequence,
	}
}

func (id *ID) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(id.Job)))
	dst = append(dst, id.Job...)
	for _, n := range id.numbers() {
		dst = binary.AppendUvarint(dst, n)
	}
	return dst
}

func (id *ID) read(r *reader) {
	*id = ID{
		Job:  string(r.take(r.upTo(MaxJob))),
		Step: r.uint32(), Stage: r.uint32(), Epoch: r.uvarint(), Task: r.uint32(),
		Attempt: r.uint32(), LaneLow: r.uint32(), LaneHigh: r.uint32(), Sequence: r.uvarint(),
	}
}
