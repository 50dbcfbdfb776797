package builtins_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine"
)

// sidesOfJoin begins a script by the flows that joins of these tests match.
const sidesOfJoin = `
left = from_enumerable([("b", 1), ("a", 2), ("b", 3), ("x", 4)])
right = from_enumerable([("a", "A1"), ("b", "B1"), ("y", "Y"), ("b", "B2")])
`

func TestJoins(t *testing.T) {
	orders := map[string]string{
		"orders.csv":    "id,customer,amount\n1,7,2.5\n2,8,1\n3,7,4\n4,9,8\n",
		"customers.csv": "id,region,name\n8,eu,\"Ann, A\"\n7,us,Bob\n6,eu,Cy\n",
	}
	testRules(t, []rule{
		{name: "inner", script: sidesOfJoin + `job = left.join(right, on = 0).map(lambda l, r: (l[1], r[1]))`, want: "1\tB1\n1\tB2\n2\tA1\n3\tB1\n3\tB2\n"},
		{name: "left", script: sidesOfJoin + `job = left.join(right, 0, how = "left")`, want: "b\t1\tb\tB1\nb\t1\tb\tB2\na\t2\ta\tA1\nb\t3\tb\tB1\nb\t3\tb\tB2\nx\t4\t\n"},
		{name: "right", script: sidesOfJoin + `job = left.join(right, 0, how = "right", f = lambda l, r: (l[1] if l else "-", r[1]))`, want: "1\tB1\n1\tB2\n2\tA1\n3\tB1\n3\tB2\n-\tY\n"},
		{name: "full", script: sidesOfJoin + `job = left.join(right, 0, how = "full").map(lambda l, r: (l == None, r == None))`, want: strings.Repeat("false\tfalse\n", 5) + "false\ttrue\ntrue\tfalse\n"},
		{name: "semi", script: sidesOfJoin + `job = left.join(right, on = 0, how = "semi")`, want: "b\t1\na\t2\nb\t3\n"},
		{name: "anti", script: sidesOfJoin + `job = left.join(right, on = 0, how = "anti")`, want: "x\t4\n"},
		{name: "the other names", script: sidesOfJoin + `job = left.bounded_join(right, 0, how = "semi").concat(left.window_join(right, 0, how = "anti"))`, want: "b\t1\na\t2\nb\t3\nx\t4\n"},
		{
			name: "unlike keys of two files", files: orders,
			script: `
orders = csv("orders.csv", types = {"amount": float})
job = orders.join(csv("customers.csv"), on = "customer", other_on = "id", f = lambda o, c: (c["region"], o["amount"])).sum(1, by = 0)`,
			want: "us\t6.5\neu\t1.0\n",
		},
		{
			name: "members of both sides behind a join", files: orders,
			script: `
orders = csv("orders.csv").filter(lambda o: o["id"] != "2")
people = csv("customers.csv").filter(lambda c: c["region"] != "none")
job = orders.join(people, on = "customer", other_on = "id", how = "left").map(lambda o, c: (o["amount"], c["name"] if c else None))`,
			want: "2.5\tBob\n4\tBob\n8\t\n",
		},
		{
			name: "whole records behind a join", files: orders,
			script: `job = csv("orders.csv").join(csv("customers.csv"), on = "customer", other_on = "id", f = lambda o, c: o | {"name": c["name"]})`,
			want:   `{"id":"1","customer":"7","amount":"2.5","name":"Bob"}` + "\n" + `{"id":"2","customer":"8","amount":"1","name":"Ann, A"}` + "\n" + `{"id":"3","customer":"7","amount":"4","name":"Bob"}` + "\n",
		},
		{name: "keys of several fields", script: sidesOfJoin + `job = left.join(right, on = lambda k, n: (k, n), other_on = lambda k, s: (k, 3.0), f = lambda l, r: r[1])`, want: "B1\nB2\n"},
		{name: "a list of selectors", script: `job = from_enumerable([{"a": 1, "b": 2}]).join(from_enumerable([{"a": 1.0, "b": 2, "c": 3}]), on = ["a", "b"], f = lambda l, r: r["c"])`, want: "3\n"},
		{name: "None is a key", script: `job = from_enumerable([None, 1]).join(from_enumerable([1.0, None]), on = lambda x: x)`, want: "\t\n1\t1.0\n"},
		{name: "with itself", script: `n = from_enumerable(range(4)).map(lambda x: x + 1)` + "\n" + `job = n.join(n, on = lambda x: x % 3)`, want: "1\t1\n1\t4\n2\t2\n3\t3\n4\t1\n4\t4\n"},
		{
			name: "with what is computed of itself",
			script: `
words = from_enumerable(["a", "b", "a", "c", "b", "a"])
often = words.count(by = lambda w: w).filter(lambda w, n: n > 1)
job = words.join(often, on = lambda w: w, other_on = 0, how = "anti")`, want: "c\n",
		},
		{
			name: "joins of joins",
			script: sidesOfJoin + `
more = from_enumerable([("b", True)])
job = left.join(right.join(more, on = 0, f = lambda a, b: a), on = 0, f = lambda l, r: (l[1], r[1])).join(left, on = 0, other_on = 1, f = lambda p, l: (p, l))`,
			want: "1\tB1\tb\t1\n1\tB2\tb\t1\n3\tB1\tb\t3\n3\tB2\tb\t3\n",
		},
		{name: "read twice", script: sidesOfJoin + `j = left.join(right, on = 0, f = lambda l, r: l[1])` + "\n" + `job = [j.write("a.txt"), j.sum()]`, want: "10\n", wrote: map[string]string{"a.txt": "1\n1\n2\n3\n3\n"}},
		{
			name: "windows",
			script: `
left = from_enumerable([(0, "k", "L0"), (900, "k", "L1"), (1100, "k", "L2"), (-1, "k", "L3")])
right = from_enumerable([(500, "k", "R0"), (1999, "k", "R1"), (5000, "k", "R2")])
job = left.join(right, on = 1, how = "full", window = windows.fixed("1s", time = 0)).map(lambda l, r: (l[2] if l else "-", r[2] if r else "-"))`,
			want: "L0\tR0\nL1\tR0\nL2\tR1\nL3\t-\n-\tR2\n",
		},
		{
			name: "windows that overlap",
			script: `
left = from_enumerable([{"t": 100, "v": 1}, {"t": 1600, "v": 2}])
right = from_enumerable([{"t": 700, "v": "a"}, {"t": 1500, "v": "b"}])
job = left.window_join(right, on = lambda r: 0, how = "left", window = windows.sliding("2s", every = "1s", time = "t"), f = lambda l, r: (l["v"], r["v"] if r else "-"))`,
			want: "1\ta\n1\ta\n1\tb\n2\ta\n2\tb\n2\tb\n",
		},
		{name: "a semi-join in windows", script: `job = from_enumerable([1, 5]).join(from_enumerable([4]), on = lambda x: None, how = "semi", window = windows.fixed("3ms", time = lambda x: x))`, want: "5\n"},
		{name: "no left records", script: sidesOfJoin + `job = left.filter(lambda l: False).join(right, on = 0, how = "full").map(lambda l, r: r[1])`, want: "A1\nB1\nY\nB2\n"},
		{name: "no right records", script: sidesOfJoin + `job = left.join(right.filter(lambda r: False), on = 0, how = "left").map(lambda l, r: (l[1], r))`, want: "1\t\n2\t\n3\t\n4\t\n"},
		{name: "nothing", script: `job = from_enumerable([]).join(from_enumerable([]), on = 0, how = "full")`, want: ""},
		{name: "a take behind", script: sidesOfJoin + `job = left.join(right, on = 0, f = lambda l, r: r[1]).take(3)`, want: "B1\nB2\nA1\n"},
		{name: "lanes lead the order", script: sidesOfJoin + `job = left.partition(route = lambda k, n: n % 2, lanes = 2).join(right, on = 0, f = lambda l, r: (l[1], r[1]))`, want: "2\tA1\n1\tB1\n1\tB2\n3\tB1\n3\tB2\n"},
		{
			name:   "failures of f",
			script: sidesOfJoin + `job = left.join(right, on = 0, f = lambda l, r: 6 // (l[1] - 2), on_error = "dead.jsonl")`, want: "-6\n-6\n6\n6\n",
		},
	})
}

// TestJoinsOfMembers joins files whose records are read member by member, in every way in which that can be said.
func TestJoinsOfMembers(t *testing.T) {
	var left, right strings.Builder
	left.WriteString("id,who,n,x\n")
	for i := range 200 {
		fmt.Fprintf(&left, "%d,p%d,%d.5,\"a, %d\"\n", i, i*i%17, i, i%3)
	}
	for i := range 15 {
		fmt.Fprintf(&right, `{"id": "p%d", "town": "t%d", "more": {"n": %d}}`+"\n", i, i%4, i)
		if i%5 == 0 {
			fmt.Fprintf(&right, `{"id": "p%d", "more": {}}`+"\n", i)
		}
	}
	files := map[string]string{"left.csv": left.String(), "right.jsonl": right.String()}
	const sides = `
left = csv("left.csv", types = {"n": float}).filter(lambda r: r["x"] != "a, 2")
right = jsonl("right.jsonl")
def joined(**options): return left.join(right, on = "who", other_on = "id", **options)
`
	for _, script := range []string{
		`job = joined(f = lambda l, r: l["n"])`,
		`job = joined(f = lambda l, r: r.get("town"))`,
		`job = joined(f = lambda l, r: (l["n"], r.get("town", "?"), "town" in r))`,
		`job = joined(f = lambda l, r: r["more"].get("n"))`,
		`job = joined(f = lambda l, r: l | r)`,
		`job = joined(how = "left", f = lambda l, r: (l["id"], r["more"] if r else None))`,
		`job = joined(how = "left", f = lambda l, r: (l["id"], r.get("town", "?") if r != None else None))`,
		`job = joined(how = "full", f = lambda l, r: r["more"] if l == None else l["n"])`,
		`job = joined(how = "full", f = lambda l, r: (l == None, None != r))`,
		`job = joined(how = "left", f = lambda l, r: r["town"] if r != None else l["n"])`,
		`job = joined(how = "full").map(lambda l, r: ((l or {}).get("n"), (r or {}).get("town")))`,
		`job = joined(how = "right").filter(lambda l, r: l == None or l["n"] > 50.0).flat_map(lambda l, r: [r["id"]])`,
		`job = joined().filter(lambda l, r: l["n"] > 30.0).count(by = lambda l, r: r.get("town"))`,
		`job = joined().sum(lambda l, r: l["n"], by = lambda l, r: r.get("town"))`,
		`job = joined().summarize(by = lambda l, r: r.get("town"), n = agg.count(), total = agg.sum(lambda l, r: l["n"]), last = agg.last(lambda l, r: l["x"]))`,
		`job = joined().reduce(0, lambda acc, l, r: acc + len(l["id"]))`,
		`job = joined().count()`,
		`job = joined().uniq(lambda l, r: r["id"])`,
		`job = joined().map(lambda p: p[1]["id"])`,
		`job = joined().map(1)`,
		`j = joined()` + "\n" + `job = [j.map(lambda l, r: l["n"]), j.map(lambda l, r: r).write("out.txt")]`,
		`job = joined(how = "semi").map(lambda l: l["id"])`,
		`job = joined(how = "anti").map("id")`,
		`job = left.join(left, on = "who", f = lambda l, r: (l["id"], r["n"]))`,
		`job = joined(f = lambda l, r: 1 if r["id"] == "p1" else r["town"], on_error = "dead.jsonl")`,
		`job = joined().map(lambda l, r: r["town"], on_error = "dead.jsonl")`,
		`job = joined(f = lambda l, r: r["town"] + l["n"])`,
		`job = joined(how = "left").map(lambda l, r: r.get("town") + "x")`,
		`job = joined(how = "full").filter(lambda l, r: l != None or r["town"] == 1).filter(lambda l, r: l["n"])`,
	} {
		likeWhole(t, sides+script, files)
	}
}

func TestErrorsOfJoins(t *testing.T) {
	testRules(t, []rule{
		{name: "keys of other types", script: `job = from_enumerable(["1"]).join(from_enumerable([1, 2.5]), on = lambda x: x, how = "left")`, fails: `job.star:1:\d+: join: no record has a match: the keys of the left side are string, those of the right side number: write on or other_on`, loads: true},
		{name: "a list as a key", script: `job = from_enumerable([(1, [2])]).join(from_enumerable([(1, [2])]), on = 1)`, fails: `join: right side: list cannot be a key: use a tuple`, loads: true},
		{name: "a list as a key on the left", script: `job = from_enumerable([1, 2]).join(from_enumerable([1, 2]), on = lambda x: [x] if x == 2 else x, other_on = lambda x: x)`, fails: `join: left side: list cannot be a key: use a tuple`, loads: true},
		{name: "a key that fails", script: `job = from_enumerable([1]).join(from_enumerable([0]), on = lambda x: 1 // x)`, fails: `division by zero`, loads: true},
		{name: "a key that one side lacks", script: `job = from_enumerable([{"a": 1}]).join(from_enumerable([{"b": 1}]), on = "a")`, fails: `join: right side, by on, as there is no other_on: record has no field "a" \(it has b\)`, loads: true},
		{name: "another key that a side lacks", script: `job = from_enumerable([{"a": 1}]).join(from_enumerable([{"b": 1}]), on = "a", other_on = "c")`, fails: `join: right side: record has no field "c" \(it has b\)`, loads: true},
		{name: "f that fails", script: sidesOfJoin + `job = left.join(right, on = 0, how = "left", f = lambda l, r: r[1])`, fails: `NoneType`, loads: true},
		{name: "a word that is none", script: sidesOfJoin + `job = left.join(right, on = 0, how = "outer")`, fails: `how: want one of "inner".*"anti", not "outer"\n  write how = "full"`},
		{name: "the word of another system", script: sidesOfJoin + `job = left.join(right, on = 0, how = "left_outer")`, fails: `write how = "left"`},
		{name: "a list", script: sidesOfJoin + `job = left.join([1], on = 0)`, fails: `(?s)right: want a flow, not list.*from_enumerable`},
		{name: "no key", script: sidesOfJoin + `job = left.join(right)`, fails: `join needs on\n  write on = "id"`},
		{name: "one parameter", script: sidesOfJoin + `job = left.join(right, 0, f = lambda p: p)`, fails: `must take two arguments`},
		{name: "three parameters", script: sidesOfJoin + `job = left.join(right, 0, f = lambda a, b, c: a)`, fails: `must take two arguments`},
		{name: "f of semi", script: sidesOfJoin + `job = left.join(right, 0, how = "semi", f = lambda a, b: a)`, fails: `leave f out`},
		{name: "on_error without f", script: sidesOfJoin + `job = left.join(right, 0, on_error = "drop")`, fails: `on_error is about f`},
		{name: "a record without a time", script: `job = from_enumerable([1, None]).join(from_enumerable([1]), on = lambda x: 0, window = windows.fixed("1s", time = lambda x: x))`, fails: `join: left side: the time of a record must be an int.*not NoneType`, loads: true},
		{name: "a side whose time is missing", script: `job = from_enumerable([{"t": 1}]).join(from_enumerable([{"u": 1}]), on = lambda r: 0, window = windows.fixed("1s", time = "t"))`, fails: `join: right side: time: record has no field "t" \(it has u\)`, loads: true},
		{name: "lateness", script: sidesOfJoin + `job = left.join(right, 0, window = windows.fixed("1s", time = 1, lateness = "1s", late = "include"))`, fails: `neither lateness nor fill`},
		{name: "sessions", script: sidesOfJoin + `job = left.join(right, 0, window = windows.session("1s", time = 1))`, fails: `join: windows.session are cut by the records of one flow, and a join has two\n  write windows.fixed`},
		{name: "windows by count", script: sidesOfJoin + `job = left.join(right, 0, window = windows.count(2))`, fails: `windows.count are cut by`},
		{name: "windows by the clock", script: sidesOfJoin + `job = left.join(right, 0, window = windows.periodic("1s", nondeterministic = True))`, fails: `windows.periodic are cut by`},
		{name: "a flow that is written", script: sidesOfJoin + `job = left.join(right.write("a.txt"), 0)`, fails: `write ends a flow`},
	})
}

// TestJoinsSpill joins sides that do not fit the budget, with keys of one, of a few and of many records.
func TestJoinsSpill(t *testing.T) {
	const script = `
left = lines("left.txt").map(lambda l: tuple(l.split(" ")))
right = lines("right.txt").map(lambda l: tuple(l.split(" ")))
job = left.join(right, on = 0, how = "%s").map(repr)
`
	var left, right strings.Builder
	for i := range 4000 {
		key := fmt.Sprint(i * 7 % 5000)
		if i%40 == 0 {
			key = "often"
		}
		fmt.Fprintf(&left, "%s l%d\n", key, i)
		fmt.Fprintf(&right, "%s r%d %s\n", key, i*3, strings.Repeat("x", i%50))
	}
	files := map[string]string{"left.txt": left.String(), "right.txt": right.String()}
	for _, how := range []string{"inner", "left", "right", "full", "semi", "anti"} {
		t.Run(how, func(t *testing.T) {
			want := newWorld(t, files, "")
			if _, err := want.run(fmt.Sprintf(script, how), engine.Options{Cores: 2}); err != nil {
				t.Fatal(err)
			}
			got := newWorld(t, files, "")
			if _, err := got.run(fmt.Sprintf(script, how), engine.Options{Cores: 3, Memory: 64 << 10}); err != nil {
				t.Fatal(err)
			}
			if d := difference(want.stdout.String(), got.stdout.String()); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestWayOfAJoin wants the measures of a run to say how a join was done.
func TestWayOfAJoin(t *testing.T) {
	text := strings.Repeat("some line of text\n", 1000)
	for memory, want := range map[int64]string{64 << 10: "both sides sorted by key", 64 << 20: "the right side by key in memory"} {
		w := newWorld(t, map[string]string{"a.txt": text, "b.txt": "x\n" + text}, "")
		s, err := w.run(`job = lines("a.txt").take(1).join(lines("b.txt").with_index(), on = lambda l: l, other_on = 1).count()`,
			engine.Options{Cores: 2, Memory: memory, Analyze: true})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(s.Stages, func(t engine.StageTotal) bool { return t.Chosen == want }) {
			t.Errorf("--mem %d: not %q: %+v", memory, want, s.Stages)
		}
	}
}

// TestFrequentKeysOfJoinsStream joins sides that are one key: what comes out is far more than the budget.
func TestFrequentKeysOfJoinsStream(t *testing.T) {
	text := strings.Repeat("same\n", 1000)
	for _, memory := range []int64{64 << 10, 64 << 20} {
		w := newWorld(t, map[string]string{"a.txt": text, "b.txt": text}, "")
		_, err := w.run(`job = lines("a.txt").join(lines("b.txt"), on = lambda l: l).count()`, engine.Options{Cores: 2, Memory: memory})
		if err != nil || w.stdout.String() != "1000000\n" {
			t.Errorf("--mem %d: %q, %v", memory, w.stdout.String(), err)
		}
	}
}

// TestTakeBehindAJoin leaves left records behind that were looked up and never came to their turn: no loss.
func TestTakeBehindAJoin(t *testing.T) {
	script := `job = lines("a.txt").join(lines("b.txt"), on = lambda l: l).take(3)`
	files := map[string]string{"a.txt": strings.Repeat("same\nother\n", 500), "b.txt": "same\n"}
	for range 20 {
		everywhere(t, script, files, "", strings.Repeat("same\tsame\n", 3), "")
	}
}
