package cluster

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestLeases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLeases(1)
		var order []string
		releases := map[string]func(){}
		take := func(name, job string) {
			waited := false
			release, err := l.Take(t.Context(), job, func() { waited = true })
			if err != nil {
				t.Error(err)
			}
			if waited {
				name += " waited"
			}
			order = append(order, name)
			releases[name] = release
		}
		take("a1", "a")
		take("a2", "a") // another executor of the same job
		for _, job := range []string{"b", "c"} {
			go take(job, job)
			synctest.Wait()
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		go func() {
			if _, err := l.Take(ctx, "d", func() {}); !errors.Is(err, gone) {
				t.Errorf("who does not want it any more gets %v", err)
			}
		}()
		synctest.Wait()
		cancel(gone)
		synctest.Wait()
		for _, name := range []string{"a1", "a1", "a2", "b waited", "c waited"} {
			releases[name]() // once more is no more
			synctest.Wait()
		}
		want := []string{"a1", "a2", "b waited", "c waited"}
		for i := range want {
			if i >= len(order) || order[i] != want[i] {
				t.Fatalf("leases were taken in the order %v, want %v", order, want)
			}
		}
		take("e", "e") // it is free again
	})
}
