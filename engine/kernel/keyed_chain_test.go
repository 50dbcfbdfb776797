package kernel

import "testing"

// TestEmptyListsLeaveIntsInts checks what is known of the records of a flat_map that returns nothing for some.
func TestEmptyListsLeaveIntsInts(t *testing.T) {
	for _, c := range []struct {
		src   string
		whole bool
	}{
		{"def f(l):\n    if l:\n        return []\n    return [(l, len(l))]", true},
		{"def f(l):\n    if l:\n        return [(l, 1)]\n    return []", true},
		{"def f(l): return [(l, 1)] if l else []", true},
		{"def f(l): return []", false},
		{"def f(l):\n    if l:\n        return []\n    return [(l, float(l))]", false},
		{"def f(l):\n    r = []\n    r.append((l, 1.5))\n    return r", false},
		{"def f(l):\n    if l:\n        return []\n    return l.split()", false},
	} {
		g, source := script(t, c.src)
		chain := &Chain{Steps: []Step{sourced(t, FlatMap, g["f"], source)}}
		record := chain.shade()
		if e := record.element(1); e.whole != c.whole {
			t.Errorf("whole %v, want %v:\n%s", e.whole, c.whole, c.src)
		}
	}
}
