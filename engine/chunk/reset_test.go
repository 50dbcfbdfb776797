package chunk

import (
	"testing"

	"go.starlark.net/starlark"
)

// TestResetLetsGo wants a column that is reused to hold no more texts of an earlier batch than it has values since.
func TestResetLetsGo(t *testing.T) {
	var c Column
	fill := func(n int, v starlark.Value) {
		c.Reset()
		for range n {
			c.Append(v)
		}
	}
	held := func() (n int) {
		for _, s := range c.Strings[:cap(c.Strings)] {
			if s == "old" {
				n++
			}
		}
		return n
	}
	fill(100, starlark.String("old"))
	c.Reset()
	fill(7, starlark.String("new")) // which was reset twice
	if held() != 93 {
		t.Errorf("it holds %d old texts beside 7 new ones, want 93", held())
	}
	c.Reset()
	if held() != 0 {
		t.Errorf("after the next batch it holds %d old texts", held())
	}
	fill(100, starlark.String("old"))
	fill(1, starlark.MakeInt(1))
	c.Reset()
	if held() != 0 {
		t.Errorf("after a batch of ints it holds %d old texts", held())
	}
}
