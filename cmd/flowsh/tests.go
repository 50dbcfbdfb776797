package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
)

const testSuffix = "_test.star"

// testLine is what may follow flowsh test.
type testLine struct {
	messageFlags `embed:""`
	Run          testPattern
	Update       bool
	Cores        coreCount `short:"j"`
	Mem          budget    `short:"m"`
	Kernels      string    `default:"on" enum:"on,off,verify"`
	MaxSteps     uint64
	Timeout      period `default:"1m"`
}

// A testPattern says which tests run; the zero value: all.
type testPattern struct{ *regexp.Regexp }

// UnmarshalText compiles a regular expression.
func (p *testPattern) UnmarshalText(text []byte) (err error) {
	if p.Regexp, err = regexp.Compile(string(text)); err != nil {
		return fmt.Errorf("--run: %v", err)
	}
	return nil
}

func (p *testPattern) matches(name string) bool { return p.Regexp == nil || p.MatchString(name) }

// errTestsFailed is what flowsh test ends with when tests have failed; they were printed before.
var errTestsFailed = errors.New("tests have failed")

// A testReport is a line that flowsh test prints under --json.
type testReport struct {
	File    string   `json:"file"`
	Test    string   `json:"test,omitempty"` // none: the file does not load
	Result  string   `json:"result"`         // pass, fail
	Seconds float64  `json:"seconds"`
	Error   string   `json:"error,omitempty"`
	Log     []string `json:"log,omitempty"`
}

// test runs the tests in files named *_test.star: those given, those in folders given, or those below the working
// directory.
func (c *cli) test(before, rest []string) error {
	line := new(testLine)
	g := newGrammar(line)
	more, paths := g.split(rest)
	if err := g.parse(slices.Concat(before, more)); err != nil {
		return err
	}
	c.console = newConsole(c.host, line.messageFlags)
	memory, err := line.Mem.resolve(machineMemory)
	if err != nil {
		return err
	}
	files, err := testFiles(paths)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(c.host.Clock, os.Exit)
	defer stop()
	run := &testRun{cli: c, ctx: ctx, line: line, options: builtins.TestOptions{
		Options: builtins.Options{Host: c.host, Now: c.host.Clock.Now().UTC(), MaxSteps: line.MaxSteps, Memory: memory},
		Engine:  engine.Options{Cores: int(line.Cores), Memory: memory, Kernels: line.Kernels, MaxSteps: line.MaxSteps},
		Timeout: time.Duration(line.Timeout), Update: line.Update,
	}}
	for _, path := range files {
		if err := run.file(path); err != nil {
			return err
		}
	}
	switch {
	case run.failed > 0:
		return errTestsFailed
	case run.passed == 0:
		return usagef("no test is called like --run %s", line.Run)
	}
	return nil
}

// testFiles are the files of tests in paths, in order.
func testFiles(paths []string) (files []string, err error) {
	if len(paths) == 0 {
		paths = []string{"."}
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, unreadable(path, err)
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		err = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(name, testSuffix) {
				files = append(files, name)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if len(files) == 0 {
		return nil, usagef("no files named *%s in %s", testSuffix, strings.Join(paths, ", "))
	}
	return files, nil
}

// A testRun is one run of tests.
type testRun struct {
	*cli
	ctx            context.Context
	line           *testLine
	options        builtins.TestOptions
	passed, failed int
}

// file runs the tests of a file and prints how they went. Its error ends the run.
func (t *testRun) file(path string) error {
	source, err := t.readFile(path)
	if err != nil {
		return err
	}
	start := t.host.Clock.Now()
	tests, err := builtins.LoadTests(path, source, t.options)
	if err != nil {
		t.failed++
		return t.report(&testReport{File: path, Result: "fail", Error: err.Error()})
	}
	passed, failed := t.passed, t.failed
	for _, name := range tests.Names() {
		if !t.line.Run.matches(name) {
			continue
		}
		if err := t.one(path, tests, name); err != nil {
			return err
		}
	}
	if t.line.JSON || t.passed+t.failed == passed+failed {
		return nil
	}
	seconds := t.host.Clock.Now().Sub(start).Seconds()
	if t.failed > failed {
		return t.print(fmt.Sprintf("FAIL\t%s\t%.3fs", path, seconds))
	}
	return t.print(fmt.Sprintf("ok  \t%s\t%.3fs", path, seconds))
}

func (t *testRun) one(path string, tests *builtins.TestFile, name string) error {
	start := t.host.Clock.Now()
	result := tests.Run(t.ctx, name)
	if cause := context.Cause(t.ctx); cause != nil {
		return cause
	}
	r := &testReport{File: path, Test: name, Result: "pass", Seconds: t.host.Clock.Now().Sub(start).Seconds(), Log: result.Log}
	if result.Err != nil {
		r.Result, r.Error = "fail", result.Err.Error()
		t.failed++
	} else {
		t.passed++
	}
	return t.report(r)
}

// report prints how a test ended: one that passed only under --verbose.
func (t *testRun) report(r *testReport) error {
	if t.line.JSON {
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		return t.print(string(text))
	}
	switch {
	case r.Test == "":
		return t.print(r.Error + "\nFAIL\t" + r.File)
	case r.Result == "fail":
		return t.print(fmt.Sprintf("--- FAIL: %s (%.2fs)\n%s", r.Test, r.Seconds, indented(append(r.Log, r.Error))))
	case t.line.Verbose:
		return t.print(fmt.Sprintf("--- PASS: %s (%.2fs)\n%s", r.Test, r.Seconds, indented(r.Log)))
	}
	return nil
}

func indented(texts []string) string {
	var b strings.Builder
	for _, text := range texts {
		b.WriteString("    " + strings.ReplaceAll(text, "\n", "\n    ") + "\n")
	}
	return b.String()
}
