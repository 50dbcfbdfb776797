package cluster

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/host"
)

// What a job has put out is read whole, or not at all.
func TestResults(t *testing.T) {
	for name, c := range map[string]struct {
		write func(*frames)
		want  string
		err   string
	}{
		"a job": {func(f *frames) {
			_, _ = f.Write([]byte("a\nb"))
			f.event(WaitsForWorkers{1})
			_, _ = f.Write([]byte("c\n"))
			_ = f.json(frameEnd, End{})
		}, "a\nbc\n", ""},
		"one that runs": {func(f *frames) { _, _ = f.Write([]byte("a\n")) }, "a\n", "the job has not ended"},
		"one that failed": {func(f *frames) {
			_ = f.json(frameEnd, End{Status: 1})
		}, "", "it ended with status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			h := host.NewMemory()
			if err := h.FS.MkdirAll("jobs/job-1"); err != nil {
				t.Fatal(err)
			}
			file, err := h.FS.Create("jobs/job-1/output")
			if err != nil {
				t.Fatal(err)
			}
			c.write(&frames{w: file})
			if err := file.Close(); err != nil {
				t.Fatal(err)
			}
			r, err := openResult(h.FS.Open, "jobs/job-1")
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			got, err := io.ReadAll(r)
			if string(got) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q, %v; want %q, %s", got, err, c.want, c.err)
			}
			if _, err := openResult(h.FS.Open, "jobs/job-2"); !errors.As(err, new(*UnknownJobError)) {
				t.Errorf("a job that nobody knows: %v", err)
			}
		})
	}
}
