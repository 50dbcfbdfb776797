package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A specBlock is a fenced block of lang-spec.md.
type specBlock struct {
	kind string // starlark, test, file, stdin, output, error, wrote
	args string // what stands behind the kind
	text string
	line int // of the first line of text
}

// A specExample is a script of lang-spec.md with what must come of it.
type specExample struct {
	script specBlock
	files  []specBlock // to be written before
	stdin  string
	output *specBlock
	failed *specBlock
	wrote  []specBlock
}

// TestSpecification runs every script of lang-spec.md, in order and in one folder.
func TestSpecification(t *testing.T) {
	text, err := os.ReadFile("../../lang-spec.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := specExamples(t, specBlocks(string(text)))
	if len(examples) < 100 {
		t.Fatalf("only %d examples", len(examples))
	}
	dir := t.TempDir()
	for _, e := range examples {
		t.Run(fmt.Sprintf("line%d", e.script.line), func(t *testing.T) { e.run(t, dir) })
	}
}

func specBlocks(text string) []specBlock {
	var blocks []specBlock
	var block *specBlock
	number := 0
	for line := range strings.Lines(text) {
		number++
		fence, isFence := strings.CutPrefix(strings.TrimRight(line, "\n"), "```")
		switch {
		case isFence && block == nil:
			kind, args, _ := strings.Cut(fence, " ")
			block = &specBlock{kind: kind, args: args, line: number + 1}
		case isFence:
			blocks = append(blocks, *block)
			block = nil
		case block != nil:
			block.text += line
		}
	}
	return blocks
}

// specExamples puts each script together with the blocks before and behind it. A script without an outcome, or an
// outcome without a script, is an error.
func specExamples(t *testing.T, blocks []specBlock) []*specExample {
	var examples []*specExample
	next := &specExample{}
	for _, b := range blocks {
		var last *specExample
		if len(examples) > 0 {
			last = examples[len(examples)-1]
		}
		switch b.kind {
		case "file":
			next.files = append(next.files, b)
		case "stdin":
			next.stdin = b.text
		case "starlark", "test":
			next.script = b
			examples, next = append(examples, next), &specExample{}
		case "output":
			last.output = &b
		case "error":
			last.failed = &b
		case "wrote":
			last.wrote = append(last.wrote, b)
		case "hashes", "text", "prompt":
		default:
			t.Fatalf("line %d: unknown kind of block: %q", b.line, b.kind)
		}
	}
	for _, e := range examples {
		if !e.isTest() && (e.output == nil) == (e.failed == nil) {
			t.Fatalf("line %d: the script needs either an output or an error behind it", e.script.line)
		}
	}
	return examples
}

// isTest says that the script is one of tests, which must pass unless an error stands behind it.
func (e *specExample) isTest() bool { return e.script.kind == "test" }

func (e *specExample) run(t *testing.T, dir string) {
	for _, f := range e.files {
		write(t, filepath.Join(dir, f.args), f.text)
	}
	command := append([]string{"-q", "example.star"}, strings.Fields(e.script.args)...)
	if e.isTest() {
		command = []string{"test", "example_test.star"}
	}
	write(t, filepath.Join(dir, command[1]), e.script.text)
	stdout, stderr, status := e.flowsh(t, dir, command)
	if e.failed != nil {
		e.checkFailure(t, stderr, status)
		return
	}
	if e.isTest() {
		if status != statusDone {
			t.Errorf("lang-spec.md:%d: status %d\n%s%s", e.script.line, status, stdout, stderr)
		}
		return
	}
	if status != statusDone || stdout != e.output.text {
		t.Errorf("lang-spec.md:%d: status %d, output\n%s\nwant\n%s\nmessages: %s", e.script.line, status, stdout, e.output.text, stderr)
	}
	for _, f := range e.wrote {
		if got, err := os.ReadFile(filepath.Join(dir, f.args)); err != nil || string(got) != f.text {
			t.Errorf("lang-spec.md:%d: %v, the file %s holds\n%s", f.line, err, f.args, got)
		}
	}
}

func (e *specExample) flowsh(t *testing.T, dir string, args []string) (stdout, stderr string, status int) {
	t.Helper()
	var out, messages strings.Builder
	cmd := exec.Command("flowsh", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Stdin = dir, &out, &messages, strings.NewReader(e.stdin)
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), messages.String(), cmd.ProcessState.ExitCode()
}

// checkFailure compares with an error block: a regular expression, and the exit status where one is given.
func (e *specExample) checkFailure(t *testing.T, stderr string, status int) {
	want := regexp.MustCompile("(?s)" + strings.TrimSpace(e.failed.text))
	if !want.MatchString(stderr) {
		t.Errorf("lang-spec.md:%d: the message does not match %q:\n%s", e.failed.line, want, stderr)
	}
	if status == statusDone || e.failed.args != "" && e.failed.args != strconv.Itoa(status) {
		t.Errorf("lang-spec.md:%d: status %d, want %s", e.failed.line, status, e.failed.args)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}
