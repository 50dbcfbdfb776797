package kernel

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestPatterns compares patterns with package regexp. Those in which a choice has to be taken back are left to it.
func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		text   string
		simple bool
	}{
		{`b`, true},
		{`a[a1]*[^b]*b`, true},
		{`a[ab]*[^b]*b`, false},
		{`a[^b1]+[^b]*b`, true},
		{`a[^b1]*[^b]+b`, false},
		{`-([^b1]?)([^b]*)b`, false},
		{`-([a1]?)([^b]*)b`, true},
		{`"[A-Z]+ /([^/? "]*)[^"]*" (\d+) (\d+|-)`, true},
		{`^(a+)b`, true},
		{`^a*$`, false},
		{`(a+)(b*)$`, true},
		{`([^ab]+)(a|b+)1`, true},
		{`a(?:b|1a|--)-`, true},
		{`(ab)?1(a)`, true},
		{`a(ab)?`, false},
		{`b?a1{2,3}b`, true},
		{`\w+ \w+`, true},
		{`\w+\d`, false},
		{`\d{1,3}1`, false},
		{`(a|ab)1`, false},
		{`(a*|b)1`, false},
		{`a.b`, false},
		{`a.*b`, false},
		{`a.*`, true},
		{`a[^b]*b`, true},
		{`a[^b]b`, false},
		{`é+`, false},
		{`aé1`, true},
		{`(?i)ab`, false},
		{`a+?b`, false},
		{`\bab`, false},
		{`(?m)^ab`, false},
		{`(?:ab)+1`, false},
		{`[[:^alpha:]]+b`, true},
		{``, false},
		{`a|`, false},
		{`(a)|(b1)`, true},
		{`[aé]+1`, false},
	} {
		p, re := newPattern(c.text), regexp.MustCompile(c.text)
		if (p != nil) != c.simple {
			t.Errorf("%s: simple %v, want %v", c.text, p != nil, c.simple)
		}
		if p == nil {
			continue
		}
		rapid.Check(t, func(rt *rapid.T) {
			parts := rapid.SliceOf(rapid.SampledFrom([]string{"a", "b", "1", "-", " ", `"`, "/", "A", "é", "\xc3", "\xff", "\n", `"GET /a/b" 12 -`, "ab1"})).Draw(rt, "text")
			text := strings.Join(parts, "")
			var room offsets
			m := matcher{re, p}
			if got, want := m.find(text, &room), re.FindStringSubmatchIndex(text); !slices.Equal(got, want) {
				rt.Fatalf("%s in %q: %v, package regexp says %v", c.text, text, got, want)
			}
		})
	}
}

// TestPatternBudget checks that a text which takes long is left to package regexp.
func TestPatternBudget(t *testing.T) {
	var at offsets
	if v := newPattern(`a[^b]*b`).find(strings.Repeat("a", 1<<16), &at); v != unsure {
		t.Errorf("verdict %v", v)
	}
}
