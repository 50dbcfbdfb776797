package builtins_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine"
)

// phrasings is usual ways to say the same. All of them are compiled, and what they add up is combined before the
// shuffle, but for floats, which are added in order. The first is what the others are to give, but for the order of lanes.
var phrasings = map[string][]string{
	"words": {
		"job = lines().flat_map(lambda l: l.split()).count(by = lambda w: w)",
		"def flat_map(line):\n    return line.split()\n\ndef partition(word):\n    return word\n\ndef reduce(acc, word):\n    acc[word] = acc.get(word, 0) + 1\n    return acc",
		"def flat_map(line):\n    return line.split()\n\ndef reduce(acc, word):\n    if word not in acc:\n        acc[word] = 0\n    acc[word] += 1\n    return acc",
		"def flat_map(line):\n    return [w for w in line.split()]\n\ndef by(word):\n    return word\n\ninitial = 0\n\ndef reduce(n, word):\n    return n + 1\n\ndef merge(a, b):\n    return a + b",
		"def reduce(acc, line):\n    for w in line.split():\n        acc[w] = acc.get(w, 0) + 1\n    return acc",
		"def add(acc, w):\n    if w in acc:\n        acc[w] += 1\n    else:\n        acc[w] = 1\n    return acc\n\njob = lines().flat_map(lambda l: l.split()).reduce({}, add)",
		"job = lines().flat_map(lambda l: l.split()).map(lambda w: (w, 1)).reduce(0, lambda n, w, one: n + one, by = 0)",
		"def add(acc, w):\n    acc.setdefault(w, 0)\n    acc[w] += 1\n    return acc\n\njob = lines().flat_map(lambda l: l.split()).partition(lambda w: w[:1], lanes = 5).reduce(dict, add)",
		"def words(line):\n    r = []\n    for w in line.split():\n        r.append((w, 1))\n    return r\n\njob = lines().flat_map(words).sum(1, by = 0)",
		"def bump(acc, k, by = 1):\n    acc[k] = acc.get(k, 0) + by\n\ndef reduce(acc, line):\n    for w in line.split():\n        bump(acc, w)\n    return acc",
		"def words(line):\n    return line.split()\n\ndef plus(acc, k, n):\n    if k not in acc:\n        acc[k] = 0\n    acc[k] += n\n    return acc\n\njob = lines().flat_map(words).reduce({}, lambda acc, w: plus(acc, w, 1))",
	},
	"states": {
		"job = lines().map(lambda l: (l[:1], len(l))).reduce((0, 0), lambda s, k, n: (s[0] + 1, s[1] + n), by = 0).reduce((0, 0, 0), lambda acc, k, s: (acc[0] + 1, acc[1] + s[0], max(acc[2], s[1])))",
		"def tally(acc, key, total):\n    distinct, rows, most = acc\n    return (distinct + 1, rows + total[0], max(most, total[1]))\n\njob = lines().map(lambda l: (l[:1], len(l))).reduce((0, 0), lambda s, k, n: (s[0] + 1, s[1] + n), by = 0).reduce((0, 0, 0), tally)",
		"job = lines().map(lambda l: (l[:1], len(l))).reduce((0, 0), lambda s, k, n: (s[0] + 1, s[1] + n), by = 0).uniq().filter(lambda k, s: s[0] > 0).map(lambda k, s: s).reduce((0, 0, 0), lambda acc, n, m: (acc[0] + 1, acc[1] + n, max(acc[2], m)))",
		"job = lines().map(lambda l: (l[:1], len(l))).reduce((0, 0), lambda s, k, n: (s[0] + 1, s[1] + n), by = 0, merge = lambda a, b: (a[0] + b[0], a[1] + b[1])).take_sort(1 << 20, key = 0).reduce((0, 0, 0), lambda acc, k, s: (acc[0] + 1, acc[1] + s[0], max(acc[2], s[1])), merge = lambda a, b: (a[0] + b[0], a[1] + b[1], max(a[2], b[2])))",
	},
	"counts": {
		"job = lines().map(lambda l: (l[:1], len(l))).count(by = 0).reduce((0, 0), lambda acc, k, n: (acc[0] + 1, max(acc[1], n)))",
		"job = lines().map(lambda l: (l[:1], len(l))).count(by = 0).take(1000).map(1).reduce((0, 0), lambda acc, n: (acc[0] + 1, max(acc[1], n)))",
	},
	"floats": {
		"job = lines().map(lambda l: (l[:1], len(l) / 7)).reduce(0.0, lambda s, k, x: s + x, by = 0)",
		"job = lines().map(lambda l: (l[:1], len(l) / 7)).reduce((0, 0.0), lambda s, k, x: (s[0] + 1, s[1] + x), by = 0).map(lambda k, s: (k, s[1]))",
		"def add(acc, k, x):\n    acc[k] = acc.get(k, 0) + x\n    return acc\n\njob = lines().map(lambda l: (l[:1], len(l) / 7)).reduce({}, add)",
		"def add(acc, r):\n    if r[0] not in acc:\n        acc[r[0]] = 0.0\n    acc[r[0]] += r[1]\n    return acc\n\njob = lines().map(lambda l: (l[:1], len(l) / 7)).partition(0).reduce({}, add)",
		"def map(line):\n    return {\"key\": line[:1], \"x\": len(line) / 7}\n\ndef partition(r):\n    return r[\"key\"]\n\ndef reduce(acc, r):\n    n, x = acc.get(r[\"key\"], (0, 0))\n    acc[r[\"key\"]] = (n + 1, x + r[\"x\"])\n    return acc\n\ndef map2(k, s):\n    return (k, s[1])",
	},
	"fields": {
		"job = lines().map(lambda l: (l[:1], len(l))).reduce((0, 0), lambda s, k, n: (s[0] + 1, s[1] + n), by = 0)",
		"job = lines().map(lambda l: (l[:1], len(l))).reduce((0, 0), lambda s, k, n: (s[0] + 1, s[1] + n), by = 0, merge = lambda a, b: (a[0] + b[0], a[1] + b[1]))",
		"def add(acc, k, n):\n    a, b = acc.get(k, (0, 0))\n    acc[k] = (a + 1, b + n)\n    return acc\n\njob = lines().map(lambda l: (l[:1], len(l))).reduce({}, add)",
		"def add(acc, k, n):\n    if k not in acc:\n        acc[k] = [0, 0]\n    acc[k][0] += 1\n    acc[k][1] += n\n    return acc\n\njob = lines().map(lambda l: (l[:1], len(l))).reduce({}, add).map(lambda k, s: (k, tuple(s)))",
		"def map(line):\n    return (line[:1], len(line))\n\ndef partition(k, n):\n    return k\n\ndef reduce(acc, k, n):\n    old = acc.get(k, (0, 0))\n    acc[k] = (old[0] + 1, old[1] + n)\n    return acc",
		"def add(acc, r):\n    if r[0] in acc:\n        acc[r[0]][0] += 1\n        acc[r[0]][1] += r[1]\n    else:\n        acc[r[0]] = [1, r[1]]\n    return acc\n\njob = lines().map(lambda l: (l[:1], len(l))).partition(0).reduce({}, add).map(lambda k, s: (k, tuple(s)))",
	},
}

// TestPhrasings runs every phrasing in all ways, and compares with the interpreter, which folds in order.
func TestPhrasings(t *testing.T) {
	const seed = 20
	random := rand.New(rand.NewPCG(seed, seed))
	var text strings.Builder
	for range 200 {
		for range random.IntN(6) {
			fmt.Fprintf(&text, "%s ", strings.Repeat(string(rune('a'+random.IntN(8))), 1+random.IntN(3)))
		}
		text.WriteByte('\n')
	}
	for name, all := range phrasings {
		for i, script := range all {
			t.Run(fmt.Sprint(name, i), func(t *testing.T) {
				plan := planOf(t, script)
				how := "combined before the shuffle"
				if name == "floats" {
					how = "added in order"
				}
				apart := slices.ContainsFunc(strings.Split(plan, "\n"), func(line string) bool {
					return strings.Contains(line, "-> reduce") && !strings.Contains(line, how)
				})
				if apart || !strings.Contains(plan, how) || strings.Contains(strings.SplitN(plan, "-> ", 2)[1], "f interpreted") {
					t.Errorf("the plan is\n%s", plan)
				}
				want := ""
				for _, way := range []string{"interpreter", "one core", "four cores", "tiny pieces", "spilling", "three workers", "one worker lost", "both, compare"} {
					w := newWorld(t, nil, "")
					w.write(t, "in.txt", text.String())
					if _, err := w.run(strings.ReplaceAll(readIn(script), "lines()", `lines("in.txt")`), executors[way]); err != nil {
						t.Fatalf("%s: %v", way, err)
					}
					if want == "" {
						want = w.stdout.String()
					}
					if got := w.stdout.String(); got != want {
						t.Errorf("%s: %s", way, difference(want, got))
					}
				}
				if sorted(want) != sorted(outputOf(t, all[0], text.String())) {
					t.Errorf("it does not say the same as the first:\n%s", script)
				}
			})
		}
	}
}

// readIn lets a job of the definition form read the file too.
func readIn(script string) string {
	if strings.Contains(script, "job = ") {
		return script
	}
	return "def from_enumerable():\n    return lines()\n\n" + script
}

func outputOf(t *testing.T, script, text string) string {
	t.Helper()
	w := newWorld(t, nil, "")
	w.write(t, "in.txt", text)
	if _, err := w.run(strings.ReplaceAll(readIn(script), "lines()", `lines("in.txt")`), engine.Options{}); err != nil {
		t.Fatal(err)
	}
	return w.stdout.String()
}

func sorted(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
