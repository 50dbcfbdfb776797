package builtins_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What fails, and whether anything does, depends on the order of the records alone.
func TestFailuresDoNotDependOnSizes(t *testing.T) {
	files := map[string]string{"n.txt": "1\n2\n3\nx\n5\ny\n"}
	for _, c := range []struct{ name, script, want, wantErr string }{
		{"a take has enough before the record that fails", `job = lines("n.txt").map(int).take(3)`, "1\n2\n3\n", ""},
		{"also in a later stage", `job = lines("n.txt").map(int).with_index().take(3)`, "0\t1\n1\t2\n2\t3\n", ""},
		{"also behind a scan that fails", `job = lines("n.txt").scan(0, lambda acc, s: ([acc], acc + int(s))).take(3)`, "0\n1\n3\n", ""},
		{"also behind a key that fails", `job = from_enumerable([1, 2, [3], 4]).take(1, by = lambda x: x).take(2)`, "1\n2\n", ""},
		{"also behind lines that are not JSON", `job = jsonl("n.txt").take(3)`, "1\n2\n3\n", ""},
		{"an earlier record fails later in the chain", `job = lines("n.txt").map(int).map(lambda n: 1 // (n - 3))`, "", "division by zero"},
		{"an earlier record fails at the end", `job = lines("n.txt").map(int).reduce(0, lambda acc, n: 1 // (n - 3), by = lambda n: n)`, "", "division by zero"},
		{"an earlier record fails in a later stage", `job = lines("n.txt").map(int).with_index().map(lambda i, n: 1 // (n - 3))`, "", "division by zero"},
		{
			"of two keys that fail that of the first record", `job = from_enumerable(range(100, 0, -1)).reduce(0, lambda acc, n: 1 // (n % 10), by = lambda n: n)`,
			"", `record: 100\b`,
		},
		{
			"of two lanes that fail that of the first record", `job = from_enumerable(range(100, 0, -1)).partition(lambda n: n).reduce(0, lambda acc, n: 1 // (n % 10))`,
			"", `record: 100\b`,
		},
		{
			"a key that does not compare before one that has no order", `job = lines("n.txt").sort(lambda l: None if l == "5" else int(l) if l.isdigit() else l)`,
			"", `keys do not compare: those before are number, this one is string; the first record is "1"\n  record: "x"`,
		},
		{
			"also of some for each key", `job = lines("n.txt").take_sort(2, key = lambda l: None if l == "5" else int(l) if l.isdigit() else l, by = len)`,
			"", `keys do not compare[^\n]*\n  record: "x"`,
		},
		{
			"a flow in using= is not what fails", `
some = from_enumerable(range(1000)).map(lambda x: x + 1)
job = [lines("n.txt").map(int).map(lambda n: n).write("out.txt"), from_enumerable([1]).map(lambda x, all: len(all), using = some)]`,
			"", `invalid literal[^\n]*\n  record: "x"`,
		},
		{"none of none", `job = from_enumerable([3, 1, 2]).take_sort(0)`, "", ""},
		{"none of none by key", `job = from_enumerable([3, 1, 2]).take_sort(0, by = lambda x: x)`, "", ""},
		{"a sample of none", `job = from_enumerable([3, 1, 2]).sample(n = 0)`, "", ""},
		{"none of a sort", `job = from_enumerable([3, 1, 2]).sort().take(0)`, "", ""},
		{"tuples of several lengths", `job = from_enumerable([(1, "b"), (1,), (1, "a"), (0,)]).sort()`, "0\n1\n1\ta\n1\tb\n", ""},
		{"a few of a sort", `job = from_enumerable([3, 1, 2, 1.0]).sort(reverse = True).take(3)`, "3\n2\n1\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) { everywhere(t, c.script, files, "", c.want, c.wantErr) })
	}
}

// A failure in one stage must not be mixed with the record that another one is at.
func TestFailureShowsItsOwnRecord(t *testing.T) {
	files := map[string]string{"n.txt": "1\n2\nx\n"}
	script := `
busy = from_enumerable(range(20000)).map(lambda x: -x)
job = [lines("n.txt").map(int), busy.write("busy.txt")]`
	for range 5 {
		everywhere(t, script, files, "", "", `record: "x"\n  from:   n.txt, byte 4`)
	}
}

// Of several outputs that fail, the first in the script is reported, however late it fails.
func TestFailureOfTheFirstOutput(t *testing.T) {
	files := map[string]string{"n.txt": "1\n2\nx\n"}
	late := `from_enumerable(range(1000)).map(lambda x: 1 // (999 - x))`
	early := `lines("n.txt").map(int)`
	for _, c := range []struct{ name, script, wantErr string }{
		{"the first is late", `job = [` + late + `.write("a.txt"), ` + early + `]`, "division by zero"},
		{"the first is early", `job = [` + early + `, ` + late + `.write("a.txt")]`, "invalid literal"},
		{"behind a sort", `job = [` + late + `.sort().write("a.txt"), ` + early + `]`, "division by zero"},
		{"one flow, read twice", `
all = from_enumerable(range(1000))
job = [all.map(lambda x: 1 // (999 - x)).write("a.txt"), all.map(lambda x: int("x"))]`, "division by zero"},
		{"only the last", `job = [from_enumerable(range(1000)).write("a.txt"), ` + early + `]`, "invalid literal"},
		{
			"a flow in using= before all who take it", `
job = [from_enumerable([1]).map(lambda x, all: int("y"), using = ` + late + `).write("a.txt"), ` + early + `]`, "division by zero",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 3 {
				everywhere(t, c.script, files, "", "", c.wantErr)
			}
		})
	}
}

// What a stage prints, and the records that it gives up, behind the last record that a take wants, must not show.
func TestATakeHidesWhatComesBehindIt(t *testing.T) {
	var text strings.Builder
	for i := range 300 {
		if i%3 == 2 {
			fmt.Fprintf(&text, "x%d\n", i)
		} else {
			fmt.Fprintf(&text, "%d\n", i)
		}
	}
	files := map[string]string{"n.txt": text.String()}
	const number = `
def number(s):
    print(s)
    return int(s)
numbers = lines("n.txt").map(number, on_error = "dead.jsonl")
`
	for _, c := range []struct {
		name, job     string
		prints, dead  int
		first, second int // records, in the outputs
	}{
		{"in its own stage", `numbers.take(20)`, 29, 9, 20, 0},
		{"in the stage before", `numbers.with_index().take(20)`, 29, 9, 20, 0},
		{"two stages before", `numbers.with_index().with_index().map(lambda i, x: x).take(20)`, 29, 9, 20, 0},
		{"behind lists of records", `numbers.batch(7).take(3)`, 31, 10, 3, 0},
		{"behind a scan", `numbers.scan(0, lambda acc, x: ([acc], acc + x)).take(20)`, 29, 9, 20, 0},
		{"behind a filter", `numbers.with_index().filter(lambda i, x: x % 2 == 0).take(5)`, 13, 4, 5, 0},
		{"just before the first that fails", `numbers.with_index().take(2)`, 2, 0, 2, 0},
		{"none", `numbers.with_index().take(0)`, 0, 0, 0, 0},
		{"all", `numbers.with_index().take(5000)`, 300, 100, 200, 0},
		{"exactly all", `numbers.with_index().take(200)`, 299, 99, 200, 0},
		{"two takes", `[numbers.with_index().take(20), numbers.with_index().take(50).write("out.txt")]`, 74, 24, 20, 50},
		{"another reader wants all", `[numbers.with_index().take(20), numbers.write("out.txt")]`, 300, 100, 20, 200},
		{"a sort between them", `numbers.sort().with_index().take(20)`, 300, 100, 20, 0},
		{"a flow that the take does not come to", `from_enumerable(range(100)).concat(numbers.sort()).take(100)`, 0, 0, 100, 0},
		{"a flow that it comes to", `from_enumerable(range(100)).concat(numbers.sort()).take(101)`, 300, 100, 101, 0},
		{"the second of two flows", `from_enumerable(range(100)).concat(numbers).take(120)`, 29, 9, 120, 0},
		{"an op that gives up what it cannot fold", `from_enumerable(range(1, 100)).scan(0, lambda acc, x: ([x], acc // (x % 3)), on_error = "dead.jsonl").take(20)`, 0, 9, 20, 0},
		{"not so many that there are too many of them", `numbers.with_index().take(4).map(lambda i, x: x, on_error = "drop")`, 5, 1, 4, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for name, o := range executors {
				w := newWorld(t, files, "")
				summary, err := w.run(number+"job = "+c.job, o)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				got := []int{len(w.printed), int(summary.Dead), strings.Count(w.stdout.String(), "\n"), 0}
				if c.dead > 0 {
					if n := strings.Count(w.read(t, "dead.jsonl"), "\n"); n != c.dead {
						t.Errorf("%s: %d dead letters, want %d", name, n, c.dead)
					}
				}
				if c.second > 0 {
					got[3] = strings.Count(w.read(t, "out.txt"), "\n")
				}
				if want := []int{c.prints, c.dead, c.first, c.second}; !slices.Equal(got, want) {
					t.Errorf("%s: prints, dead, records %v, want %v", name, got, want)
				}
			}
		})
	}
}

// How many records may fail is judged by those that a take wants.
func TestATakeHidesThatTooManyFail(t *testing.T) {
	text := strings.Repeat("1\n2\nx\n", 100)
	const job = `options(on_error = "drop", max_errors = 3)
job = lines("n.txt").map(int)`
	for _, c := range []struct{ name, script, want, wantErr string }{
		{"enough before", job + `.with_index().take(8)`, "0\t1\n1\t2\n2\t1\n3\t2\n4\t1\n5\t2\n6\t1\n7\t2\n", ""},
		{"in one stage", job + `.take(8)`, "1\n2\n1\n2\n1\n2\n1\n2\n", ""},
		{"one too many", job + `.with_index().take(9)`, "", "more than max_errors = 3"},
		{"one too many in one stage", job + `.take(9)`, "", "more than max_errors = 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			everywhere(t, c.script, map[string]string{"n.txt": text}, "", c.want, c.wantErr)
		})
	}
}

// What comes out of an operator is a record, which does not change, whoever else reads it.
func TestResultsAreFrozen(t *testing.T) {
	for _, flow := range []string{
		`reduce([], lambda acc, x: acc + [x], by = lambda x: 1).map(lambda k, l: l.append(2))`,
		`reduce([], lambda acc, x: acc + [x], by = lambda x: 1, merge = lambda a, b: a + b).map(lambda k, l: l.append(2))`,
		`reduce([], lambda acc, x: acc + [[x]]).map(lambda l: l.append(2))`,
		`partition(lambda x: x, lanes = 1).reduce([], lambda acc, x: acc + [x], emit = "state").map(lambda l: l.append(2))`,
		`scan([], lambda acc, x: ([acc], acc + [x])).map(lambda l: l.append(2))`,
		`group_by(lambda x: 1).map(lambda k, l: l.append(2))`,
		`batch(2).map(lambda l: l.append(2))`,
		`map(lambda x: [x]).map(lambda l: l.append(2))`,
		`flat_map(lambda x: [[x]]).map(lambda l: l.append(2))`,
		`map_batch(lambda b: [b]).map(lambda l: l.append(2))`,
		`map(lambda x, all: all.append(2), using = from_enumerable([1]))`,
		`map(lambda x, d: d[1].append(2), using = lookup(from_enumerable([1]), lambda x: x, many = True))`,
	} {
		everywhere(t, "job = from_enumerable([1, 2, 3])."+flow, nil, "", "", "append: cannot append to frozen list")
	}
}
