package engine

import "testing"

// TestAtWork says which stages a memory error names: never none while one has not finished.
func TestAtWork(t *testing.T) {
	done, busy, waits := &stageRun{name: "done"}, &stageRun{name: "busy"}, &stageRun{name: "waits"}
	done.phase.Store(finished)
	waits.reading.Store(true)
	for _, c := range []struct {
		stages []*stageRun
		want   string
	}{
		{[]*stageRun{done, busy, waits}, "busy"},
		{[]*stageRun{done, waits}, "waits"},
		{[]*stageRun{busy, busy}, "busy, busy"},
	} {
		if got := (&stepRun{stages: c.stages}).atWork(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
