package engine

import (
	"errors"
	"slices"
	"testing"
)

// A sketch builds a graph op by op.
type sketch struct{ Graph }

func (g *sketch) op(kind OpKind, in ...int) int {
	g.Ops = append(g.Ops, Op{ID: len(g.Ops), Kind: kind, At: "job.star:1:1", In: in, Funcs: map[string]string{}, N: 3, Lanes: 4})
	return len(g.Ops) - 1
}

// plan plans a job with these outputs.
func (g *sketch) plan(t *testing.T, outputs ...int) []*Stage {
	t.Helper()
	g.Steps = []Step{{Outputs: outputs}}
	p, err := MakePlan(&g.Graph)
	if err != nil {
		t.Fatal(err)
	}
	return p.Steps[0].Stages
}

// ends lists how the stages end.
func ends(stages []*Stage) (all []End) {
	for _, s := range stages {
		all = append(all, s.End)
	}
	return all
}

func TestPlanRunsASharedFlowOnce(t *testing.T) {
	var g sketch
	shared := g.op(OpMap, g.op(OpSource))
	stages := g.plan(t, g.op(OpWrite, shared), g.op(OpWrite, g.op(OpFilter, shared)), g.op(OpCount, shared))
	if want := []End{Pass, Write, Write, Group, Write}; !slices.Equal(ends(stages), want) {
		t.Fatalf("ends %v, want %v", ends(stages), want)
	}
	if !slices.Equal(stages[0].Chain, []int{shared}) || !slices.Equal(stages[0].Outputs, []int{1, 2, 3}) {
		t.Errorf("the shared stage: %+v", stages[0])
	}
	for _, s := range stages[1:4] {
		if !slices.Equal(s.Inputs, []int{0}) || slices.Contains(s.Chain, shared) {
			t.Errorf("stage %d: %+v", s.ID, s)
		}
	}
}

// A flow whose last stage has ended already needs no other to be shared.
func TestPlanSharesWhatHasEnded(t *testing.T) {
	var g sketch
	shared := g.op(OpCount, g.op(OpSource))
	stages := g.plan(t, g.op(OpWrite, shared), shared)
	if want := []End{Group, Write, Write}; !slices.Equal(ends(stages), want) {
		t.Errorf("ends %v, want %v", ends(stages), want)
	}
}

func TestPlanCollectsASideOnce(t *testing.T) {
	var g sketch
	side := g.op(OpCount, g.op(OpSource))
	first := g.op(OpMap, g.op(OpSource))
	second := g.op(OpFilter, first)
	g.Ops[first].Using, g.Ops[second].Using = &Using{Op: side}, &Using{Op: side, Lookup: true}
	stages := g.plan(t, second)
	if want := []End{Group, Collect, Write}; !slices.Equal(ends(stages), want) {
		t.Fatalf("ends %v, want %v", ends(stages), want)
	}
	if !slices.Equal(stages[2].Sides, []int{1, 1}) {
		t.Errorf("sides %v", stages[2].Sides)
	}
}

// Lanes fold by themselves, but what depends on the order of records sees lane after lane.
func TestPlanBringsLanesIntoOrder(t *testing.T) {
	for _, c := range []struct {
		kind  OpKind
		ends  []End
		laned bool // of the stage that reads the op
	}{
		{OpReduce, []End{Group, Write}, false},
		{OpUniq, []End{Group, Write}, false},
		{OpGroupBy, []End{Group, Write}, false},
		{OpSort, []End{Sort, Write}, false},
		{OpScan, []End{Sort, InOrder, Write}, true},
		{OpBatch, []End{Sort, InOrder, Write}, true},
		{OpMapBatch, []End{Sort, InOrder, Write}, true},
		{OpTake, []End{Sort, InOrder, Write}, false},
		{OpWithIndex, []End{Sort, InOrder, Write}, false},
		{OpSample, []End{Sort, Sort, Write}, false},
		{OpWrite, []End{Sort, Write}, true},
		{OpMap, []End{Sort, Write}, true},
		{OpConcat, []End{Sort, Pass, Write}, false},
	} {
		var g sketch
		lanes := g.op(OpPartition, g.op(OpSource))
		stages := g.plan(t, g.op(c.kind, lanes))
		last := stages[len(stages)-1]
		if !slices.Equal(ends(stages), c.ends) || last.Laned != c.laned {
			t.Errorf("%s: ends %v, lanes %v; want %v, %v", c.kind, ends(stages), last.Laned, c.ends, c.laned)
		}
	}
}

// A take limits the sort before it if nothing else reads that.
func TestPlanLimitsASort(t *testing.T) {
	for _, c := range []struct {
		name string
		make func(g *sketch) []int
		ends []End
		kept bool
	}{
		{"alone", func(g *sketch) []int { return []int{g.op(OpTake, g.op(OpSort, g.op(OpSource)))} }, []End{Sort, Write}, true},
		{"shared", func(g *sketch) []int {
			s := g.op(OpSort, g.op(OpSource))
			return []int{g.op(OpWrite, s), g.op(OpTake, s)}
		}, []End{Sort, Write, InOrder, Write}, false},
		{"by key", func(g *sketch) []int {
			take := g.op(OpTake, g.op(OpSort, g.op(OpSource)))
			g.Ops[take].Funcs["by"] = "key"
			return []int{take}
		}, []End{Sort, InOrder, Write}, false},
		{"not at once", func(g *sketch) []int {
			return []int{g.op(OpTake, g.op(OpFilter, g.op(OpSort, g.op(OpSource))))}
		}, []End{Sort, InOrder, Write}, false},
		{"twice", func(g *sketch) []int {
			return []int{g.op(OpTake, g.op(OpTake, g.op(OpSort, g.op(OpSource))))}
		}, []End{Sort, InOrder, Write}, true},
	} {
		var g sketch
		outputs := c.make(&g)
		stages := g.plan(t, outputs...)
		if !slices.Equal(ends(stages), c.ends) || (stages[0].First != nil) != c.kept {
			t.Errorf("%s: ends %v, limit %v; want %v, %v", c.name, ends(stages), stages[0].First != nil, c.ends, c.kept)
		}
	}
}

func TestPlanRefusesByName(t *testing.T) {
	var g sketch
	g.Steps = []Step{{Outputs: []int{g.op(OpJoin, g.op(OpSource), g.op(OpSource))}}}
	g.Ops[2].Window = &Window{Kind: sessionWindows}
	const want = "job.star:1:1: join is not supported by this version of flowsh: window = windows.session(...)"
	var e *NotYetError
	if _, err := MakePlan(&g.Graph); !errors.As(err, &e) || e.Op != OpJoin || err.Error() != want {
		t.Error(err)
	}
}
