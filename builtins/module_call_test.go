package builtins

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	startime "go.starlark.net/lib/time"
	"go.starlark.net/starlark"
	"pgregory.net/rapid"
)

func TestRandomAtLoad(t *testing.T) {
	for _, expr := range []string{"random.random()", "random.randint(1, 6)"} {
		_, err := starlark.EvalOptions(testOptions, new(starlark.Thread), "test.star", expr, testUniverse())
		if err == nil || !strings.Contains(err.Error(), "not while the script loads") {
			t.Errorf("%s: %v", expr, err)
		}
	}
}

// TestBelowIsUniform draws from a source whose numbers run through the whole range in equal steps.
func TestBelowIsUniform(t *testing.T) {
	const draws = 7000
	s := steps{step: ^uint64(0) / draws}
	var seen [7]int
	for range draws {
		seen[below(&s, 6)]++
	}
	for n, count := range seen {
		if count < draws/7-10 || count > draws/7+10 {
			t.Errorf("%d: %d of %d", n, count, draws)
		}
	}
}

type steps struct{ at, step uint64 }

func (s *steps) Uint64() uint64 { s.at += s.step; return s.at }

// TestAttemptLetsLimitsPass checks that a script cannot go on after its thread was stopped.
func TestAttemptLetsLimitsPass(t *testing.T) {
	thread := newTestThread()
	thread.SetMaxExecutionSteps(10_000)
	f := mustEval(t, "lambda: [x for x in range(1000000)]", nil)
	_, err := starlark.Call(thread, testUniverse()["attempt"], starlark.Tuple{f}, nil)
	if err == nil || !strings.Contains(err.Error(), "cancelled: too many steps") {
		t.Fatal(err)
	}
}

func TestRegexpCache(t *testing.T) {
	var r regexps
	var wait sync.WaitGroup
	for g := range 4 {
		wait.Go(func() {
			for i := range 3 * maxPatterns {
				pattern := fmt.Sprintf("^%d$", i/(g+1))
				re, err := r.compile(pattern)
				if err != nil || re.String() != pattern {
					t.Errorf("%s: %v, %v", pattern, re, err)
				}
			}
		})
	}
	wait.Wait()
	if n := len(*r.patterns.Load()); n > maxPatterns {
		t.Errorf("%d patterns are kept", n)
	}
}

// TestFloorIsAFloor checks that a floor is not after its time, is a floor itself, and keeps the order of times.
func TestFloorIsAFloor(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"}
	units := []string{"1s", "1m", "15m", "1h", "6h", "24h", "48h", "day", "week", "month", "year"}
	rapid.Check(t, func(rt *rapid.T) {
		names := starlark.StringDict{
			"a":    starlark.MakeInt64(rapid.Int64Range(-1e9, 4e9).Draw(rt, "a")),
			"d":    starlark.MakeInt64(rapid.Int64Range(0, 1e5).Draw(rt, "d")),
			"unit": starlark.String(rapid.SampledFrom(units).Draw(rt, "unit")),
			"zone": starlark.String(rapid.SampledFrom(zones).Draw(rt, "zone")),
		}
		v := mustEval(t, "[time.from_timestamp(a), time.floor(time.from_timestamp(a), unit, zone), time.floor(time.from_timestamp(a + d), unit, zone)]", names)
		list := v.(*starlark.List)
		at, floor, later := list.Index(0).(startime.Time), list.Index(1).(startime.Time), list.Index(2).(startime.Time)
		if c, _ := floor.Cmp(at, 1); c > 0 {
			rt.Errorf("%v is after %v", floor, at)
		}
		if c, _ := later.Cmp(floor, 1); c < 0 {
			rt.Errorf("%v, of a later time, is before %v", later, floor)
		}
		names["t"] = floor
		again := mustEval(t, "time.floor(t, unit, zone)", names).(startime.Time)
		if c, _ := again.Cmp(floor, 1); c != 0 {
			rt.Errorf("the floor of %v is %v", floor, again)
		}
	})
}

func FuzzSprintf(f *testing.F) {
	for _, seed := range []string{"%d", "%-+ #08.3f|%%", "%*.*g", "%c%r%s", "%", "%5.é"} {
		f.Add(seed)
	}
	args := starlark.Tuple{starlark.None, starlark.MakeInt(5), starlark.Float(1.5), starlark.String("é"), starlark.MakeInt(-3)}
	f.Fuzz(func(_ *testing.T, format string) {
		for n := range len(args) {
			p := printer{rest: format, args: args[n:]}
			_ = p.print()
		}
	})
}

func BenchmarkSprintf(b *testing.B)    { benchmark(b, `sprintf("%-8s|%5d|%.2f", "ab", 7, 1.5)`) }
func BenchmarkRegexpTest(b *testing.B) { benchmark(b, `re.test("b+", "abbc")`) }
func BenchmarkJSONDecode(b *testing.B) {
	benchmark(b, `json.decode('{"id": 17, "user": "u1", "tags": ["a", "b"]}')`)
}

func BenchmarkJSONEncode(b *testing.B) {
	benchmark(b, `json.encode({"id": 17, "user": "u1", "tags": ["a", "b"]})`)
}

func BenchmarkSumFloats(b *testing.B) {
	benchmark(b, `sum([0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5])`)
}

func benchmark(b *testing.B, expr string) {
	f := mustEval(b, "lambda: "+expr, nil)
	thread := newTestThread()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := starlark.Call(thread, f, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}
