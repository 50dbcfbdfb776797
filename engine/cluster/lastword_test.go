package cluster

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/flowsh/flowsh/engine/transport"
)

// TestLastWordIsHeardAgain gives a client that comes back, after its master was killed at the very end of the job, what it
// lacks: nothing but how the job has ended. A client that lacks output is told so.
func TestLastWordIsHeardAgain(t *testing.T) {
	q := new(queue)
	for _, r := range []jobRecord{
		{Op: "submitted", Job: &JobInfo{ID: "job-1", State: Queued}},
		{Op: "began", ID: "job-1"},
		{Op: "ended", ID: "job-1", State: Failed, Status: 3, Last: &LastWord{Output: 7, End: End{Status: 3}}},
	} {
		must(t, q.apply(r))
	}
	again := restored(t, q)
	if seen := again.jobs[0].public(); seen.Last != nil {
		t.Error("everybody hears the last word")
	}
	m := &Master{queue: *again, word: func(error) End { return End{Status: 1} }}
	for have, want := range map[int64]int{7: 3, 0: 1, 6: 1, 8: 1} {
		var said bytes.Buffer
		_ = m.attach(t.Context(), &entry{info: again.jobs[0]}, nil, nil, &frames{w: &said}, &have) // why it is sorry is said
		frame, err := transport.ReadFrame(&said, nil)
		must(t, err)
		var end End
		if frame[0] != frameEnd || json.Unmarshal(frame[1:], &end) != nil || end.Status != want {
			t.Errorf("with %d bytes: %q", have, frame)
		}
	}
}
