package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
)

// BenchmarkStatusCalls asks a master for its jobs, its nodes and the receipts of a job, while two workers run that job as fast
// as they can and its output comes through the master.
func BenchmarkStatusCalls(b *testing.B) {
	c := startCluster(b, 2, "-m256MiB")
	var text bytes.Buffer
	for n := range 100_000 {
		fmt.Fprintln(&text, "all work and no play makes jack a dull boy", n)
	}
	if err := os.WriteFile(filepath.Join(c.dir, "in.txt"), text.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	submit := []string{"submit", "--detach", "-e", `lines(arg("input", rest = True)).filter(lambda l: l.endswith("7"))`}
	for range 800 {
		submit = append(submit, "in.txt")
	}
	c.flowsh(submit...)
	client, err := (&cli{host: host.New()}).dial(context.Background(), c.state.Master, "")
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	c.untilIn("receipts", "processed", true)
	for name, call := range map[string]func() error{
		"jobs": func() error {
			jobs, err := client.Jobs()
			if err == nil && jobs[0].State != cluster.Running {
				err = fmt.Errorf("the job is %s: %s", jobs[0].State, jobs[0].Reason)
			}
			return err
		},
		"nodes": func() error {
			nodes, err := client.Nodes()
			if err == nil && len(nodes) != 3 {
				err = fmt.Errorf("there are %d nodes", len(nodes))
			}
			return err
		},
		"receipts": func() error {
			_, err := client.Receipts(context.Background(), "job-1", func(cluster.Receipt) error { return nil })
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				if err := call(); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			for _, percent := range []int{50, 99} {
				b.ReportMetric(took[len(took)*percent/100].Seconds()*1000, fmt.Sprintf("p%d-ms", percent))
			}
		})
	}
}
