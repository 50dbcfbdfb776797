package engine

import "testing"

// TestFingerprintOfFirst takes the fingerprints of a sort of which more or fewer records are wanted: tasks give no more.
func TestFingerprintOfFirst(t *testing.T) {
	shapes := map[string]string{}
	for name, first := range map[string]*int64{"all": nil, "three": new(int64(3)), "four": new(int64(4))} {
		graph := &Graph{Ops: []Op{{ID: 0, Kind: OpSource, Source: nil}, {ID: 1, Kind: OpSort}}}
		s := &stageRun{
			Stage: &Stage{Source: 0, End: Sort, Op: 1, First: first},
			run:   &stepRun{jobRun: &jobRun{graph: graph, program: &Program{}}},
		}
		shape, _ := s.fingerprints()
		if same := shapes[shape]; same != "" {
			t.Errorf("%s and %s have the same fingerprint", name, same)
		}
		shapes[shape] = name
	}
}
