package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
	"go.starlark.net/starlark"
)

// A slowWatcher takes its time.
type slowWatcher struct {
	takes time.Duration
	calls int
}

func (w *slowWatcher) wants(string) bool { return true }
func (w *slowWatcher) close() error      { return nil }
func (w *slowWatcher) call(ctx context.Context, _ interception) error {
	w.calls++
	select {
	case <-time.After(w.takes):
		return errors.New("slow")
	case <-ctx.Done():
		return nil
	}
}

// A slow interceptor holds up a job for a second at its end, and no longer; what it was not told is counted.
func TestSlowInterceptor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &slowWatcher{takes: 300 * time.Millisecond}
		began := time.Now()
		s := newInterceptors([]interceptor{w}, nil, nil, strings.Clone)
		for range mostQueued + 100 {
			s.tell("on_send", starlark.StringDict{})
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the job waited for %v", took)
		}
		warnings := s.finish(host.New().Clock, &engine.Summary{}, nil)
		if took := time.Since(began); took != lastCalls {
			t.Errorf("the end took %v", took)
		}
		if len(warnings) != 2 || w.calls != 4 {
			t.Errorf("%d calls, %q", w.calls, warnings)
		}
	})
}
