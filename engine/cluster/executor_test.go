package cluster

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/transport"
)

// TestExecutorsRunWhatWasSubmitted gives executors bundles that are not those of their job, and scripts that load otherwise
// at their node: they do nothing, and say why.
func TestExecutorsRunWhatWasSubmitted(t *testing.T) {
	program := &engine.Program{Graph: &engine.Graph{Name: "job.star"}}
	graph, err := GraphHash(program.Graph)
	if err != nil {
		t.Fatal(err)
	}
	bundle := []byte("a bundle")
	for _, c := range []struct {
		name string
		a    assignment
		want string // "": it does tasks
	}{
		{"all is well", assignment{Bundle: bundle, Sum: bundleSum(bundle), Graph: graph}, ""},
		{"another bundle", assignment{Bundle: []byte("another"), Sum: bundleSum(bundle), Graph: graph}, "the script's bundle (ae448ac86c4e) is not the one that was submitted (cd98c950d629)"},
		{"no hash", assignment{Bundle: bundle, Graph: graph}, "is not the one that was submitted ()"},
		{"another graph", assignment{Bundle: bundle, Sum: bundleSum(bundle), Graph: "0123456789abcdef"}, "the script gives another graph here (" + graph[:12] + ") than at the head of the job (0123456789ab)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := &Executor{
				Host: host.NewMemory(),
				Load: func([]byte, io.Writer) (*engine.Program, engine.Options, error) {
					return program, engine.Options{}, nil
				},
			}
			near, far := net.Pipe()
			ended := make(chan error)
			go func() { ended <- x.Run(context.Background(), far) }()
			s, err := transport.Client(near)
			if err != nil {
				t.Fatal(err)
			}
			_, err = assign(s, c.a)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("it says %v, want %q", err, c.want)
			}
			_ = s.Close() // it ends with its connection
			<-ended
		})
	}
}

// TestHeadsFoldWhatFits tells how much state a head folds itself by its memory.
func TestHeadsFoldWhatFits(t *testing.T) {
	for memory, want := range map[int64]int64{0: 64 << 20, 64 << 20: 4 << 20, 16 << 30: 1 << 30} {
		if got := foldedBy(memory); got != want {
			t.Errorf("with %d bytes of memory it folds %d, want %d", memory, got, want)
		}
	}
}
