package builtins

import (
	"slices"
	"testing"
)

func TestLoadedFiles(t *testing.T) {
	o := withFiles(t, map[string]string{
		"a.star": "load('b.star', 'two')\none = two - 1\n_hidden = 1\n",
		"b.star": "two = arg('n', default = 2)\noptions(format = 'csv')\nstep('x', lines('f'))\nstep('y', result('x'))\n",
	})
	o.Args = []string{"--n", "7"}
	job := load(t, "load('a.star', 'one')\nload('b.star', 'two')\nn = arg('n', default = 0)\njob = from_enumerable([one, two, n])", o)
	if got := job.Program.Values[ref(0, "list")].String(); got != "[1, 2, 7]" {
		t.Errorf("a loaded file does not take its own defaults: %s", got)
	}
	if want := []string{"job.star", "a.star", "b.star"}; !slices.Equal(job.Files, want) {
		t.Errorf("files %q, want %q", job.Files, want)
	}
	if job.Settings.Format != "" || len(job.Program.Graph.Steps) != 1 {
		t.Errorf("options or steps of a loaded file count: %+v", job)
	}
}

func TestLoadingErrors(t *testing.T) {
	o := withFiles(t, map[string]string{
		"a.star":    "load('b.star', 'x')\ny = 1",
		"b.star":    "load('a.star', 'y')\nx = 1",
		"self.star": "load('self.star', 'y')",
		"bad.star":  "x = \n",
		"name.star": "x = lenn('')\n",
		"need.star": "x = arg('n')\n",
		"fail.star": "def f():\n  return 1 // 0\nx = f()\n",
		"late.star": "def g():\n  return 1 // 0\n",
		"hide.star": "_x = 1\n",
	})
	for source, want := range map[string]string{
		"load('a.star', 'y')":         `b.star:1:\d+: files load each other: a.star -> b.star -> a.star`,
		"load('self.star', 'y')":      `files load each other: self.star -> self.star`,
		"load('job.star', 'x')":       `files load each other: job.star -> job.star`,
		"load('bad.star', 'x')":       `^bad.star:1:\d+: got newline`,
		"load('name.star', 'x')":      `^name.star:1:5: undefined: lenn`,
		"load('need.star', 'x')":      `^need.star:1:\d+: arg "n" has no default`,
		"load('fail.star', 'x')":      `^fail.star:2:\d+: floored division by zero`,
		"load('late.star', 'g')\ng()": `^late.star:2:\d+: floored division.*job.star:2:\d+: in <toplevel>`,
		"load('gone.star', 'x')":      `gone.star.*the path is relative to job.star`,
		"load('a/../../x.star', 'x')": `x.star`,
		"load('hide.star', 'x')":      `name x not found in module hide.star`,
		"load('hide.star', '_x')":     `names with leading underscores are not exported`,
	} {
		loadError(t, want, source, o)
	}
}

func TestLoadedFilesShareTheLimit(t *testing.T) {
	o := withFiles(t, map[string]string{"slow.star": "for _ in range(150): pass\nx = 1"})
	o.MaxSteps = 900
	loadError(t, "limit: the script takes more than 900 steps", "load('slow.star', 'x')\nfor _ in range(150): pass\njob = lines()", o)
}
