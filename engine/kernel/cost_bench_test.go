package kernel

import (
	"fmt"
	"testing"

	"github.com/flowsh/flowsh/engine/chunk"
	"github.com/flowsh/flowsh/engine/host"
	"go.starlark.net/starlark"
)

// BenchmarkFallback is what functions cost that compiled code does not take, beside nothing but a loop of
// starlark.Call ("bare") and beside the interpreter with kernels off: a function outside of the subset, and one
// whose every record fails a guard, at the first sight of it and after it was given up.
func BenchmarkFallback(b *testing.B) {
	const records = 1024
	for _, c := range []struct {
		name, src string
		kind      StepKind
		record    func(i int) starlark.Value
		deopts    bool
	}{
		{"refused", "def f(l):\n    if not l:\n        print(l)\n    p = l.split(',')\n    return (p[1], int(p[2]) * 2)", Map, func(i int) starlark.Value { return starlark.String(fmt.Sprintf("%d,name,%d,z", i, i)) }, false},
		{"refused_small", "def f(l):\n    if not l:\n        print(l)\n    return l", Map, func(int) starlark.Value { return starlark.String("some text") }, false},
		{"refused_filter", "def f(l):\n    if not l:\n        print(l)\n    return 'x' in l", Filter, func(int) starlark.Value { return starlark.String("some text") }, false},
		{"deopt", "def f(n): return n * n", Map, func(i int) starlark.Value { return starlark.MakeInt(1<<40 + i) }, true},
		{"deopt_late", "def f(l):\n    p = l.split(',')\n    return (p[0].lower(), p[1].upper(), int(p[2]) << 62)", Map, func(i int) starlark.Value { return starlark.String("Name,Other,77") }, true},
	} {
		g, source := script(b, c.src)
		chain := &Chain{Steps: []Step{sourced(b, c.kind, g["f"], source)}}
		in := new(chunk.Batch)
		for i := range records {
			in.Append(c.record(i))
		}
		// measured reports the CPU time of the process, which other processes change little.
		measured := func(name string, rounds int, run func(b *testing.B)) {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				before := host.ProcessTime()
				for b.Loop() {
					run(b)
				}
				b.ReportMetric(float64(host.ProcessTime()-before)/float64(b.N*rounds*records), "cpu-ns/record")
			})
		}
		thread, args, bare := new(starlark.Thread), make(starlark.Tuple, 1), chunk.Column{}
		measured("bare", 1, func(b *testing.B) {
			bare.Reset()
			for i := range in.N {
				args[0] = in.At(i)
				v, err := starlark.Call(thread, g["f"], args, nil)
				if err != nil {
					b.Fatal(err)
				}
				switch {
				case c.kind == Map:
					v.Freeze()
					bare.Append(v)
				case bool(v.Truth()):
					bare.Append(args[0])
				}
			}
		})
		for _, mode := range []string{"off", "on"} {
			r := NewRunner(chain, &Env{MaxSteps: 1 << 40}, mode)
			var out Output
			measured(mode, 1, func(b *testing.B) {
				if err := r.Run(in, &out); err != nil {
					b.Fatal(err)
				}
			})
		}
		if c.deopts {
			var out Output
			measured("on_from_the_first", 64, func(b *testing.B) {
				r := NewRunner(chain, &Env{MaxSteps: 1 << 40}, "on")
				for range 64 {
					if err := r.Run(in, &out); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkFoldFallback is what reducers cost that compiled code does not take, beside nothing but a loop of
// starlark.Call ("bare").
func BenchmarkFoldFallback(b *testing.B) {
	for _, c := range []struct{ name, src string }{
		{"refused", "def f(acc, x):\n    if not x:\n        print(x)\n    return acc + x\ninitial = 0"},
		{"deopt", "def f(acc, x): return acc + ((x << 62) >> 62)\ninitial = 0"},
	} {
		r := reducerOf(b, c.src)
		in := new(chunk.Batch)
		for i := range 1024 {
			in.Append(starlark.MakeInt(2 + i))
		}
		measured := func(name string, run func() error) {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				before := host.ProcessTime()
				for b.Loop() {
					if err := run(); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(host.ProcessTime()-before)/float64(b.N*in.N), "cpu-ns/record")
			})
		}
		thread, args := new(starlark.Thread), make(starlark.Tuple, 2)
		measured("bare", func() (err error) {
			args[0] = starlark.MakeInt(0)
			for i := range in.N {
				args[1] = in.At(i)
				if args[0], err = starlark.Call(thread, r.Fn.Callable, args, nil); err != nil {
					return err
				}
			}
			return nil
		})
		for _, kernels := range []string{"off", "on"} {
			r := reducerOf(b, c.src)
			r.Kernels = kernels
			measured(kernels, func() error { _, err := foldAll(r, in); return err })
		}
	}
}
