package engine

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/flowsh/flowsh/engine/kernel"
)

// Analyzed adds what a run with Options.Analyze measured. Where the run knows better than the plan how a function
// was run, the explanation says that.
func (e *Explanation) Analyzed(s *Summary) {
	e.totals = map[int]*StageTotal{}
	for i := range s.Stages {
		t := &s.Stages[i]
		e.totals[t.Stage] = t
		switch k := &t.Kernels; {
		case k.Refusal != nil:
			e.cast.judge(e.cast.chains[t.Stage], k.Refusal)
		case k.Compiled:
			e.cast.judge(e.cast.chains[t.Stage], nil)
		}
		for _, fold := range t.Folds {
			if refusal := fold.Kernels.Refusal; refusal != nil {
				e.how[Ref{fold.Op, fold.Param}] = "interpreted: " + refusal.Error()
			}
		}
	}
}

// Time is the CPU time of the stage's workers.
func (t *StageTotal) Time() time.Duration { return t.Reading + t.Functions + t.Ending }

// begin says what a stage read and how long it took. It says nothing of a stage that was not measured.
func (t *StageTotal) begin(w io.Writer) {
	if t == nil {
		return
	}
	read := count64(t.Read, "record")
	if t.Bytes > 0 {
		read += ", " + count64(t.Bytes, "byte")
	}
	fmt.Fprintf(w, "  read %s; CPU %s: %s reading, %s in functions, %s at the end\n",
		read, seconds(t.Time()), seconds(t.Reading), seconds(t.Functions), seconds(t.Ending))
}

// through says what became of the records that came to op i of the chain.
func (t *StageTotal) through(i int) string {
	if t == nil || i >= len(t.Counts) {
		return ""
	}
	c := t.Counts[i]
	text := fmt.Sprintf(": %d in, %d out", c.In, c.Out)
	if c.Filtered > 0 {
		text += fmt.Sprintf(", %d filtered", c.Filtered)
	}
	if c.Dead > 0 {
		text += fmt.Sprintf(", %d failed", c.Dead)
	}
	return text
}

// finish says how the functions were run, and what the stage handed on.
func (t *StageTotal) finish(w io.Writer, end End) {
	if t == nil {
		return
	}
	for _, line := range kernelLines(&t.Kernels) {
		fmt.Fprintf(w, "  ! %s\n", line)
	}
	for i := range t.Folds {
		fold := &t.Folds[i]
		if fold.Kernels.Records > 0 {
			fmt.Fprintf(w, "  %s: %s compiled\n", fold.Param, count64(fold.Kernels.Records, "call"))
		}
		for _, line := range kernelLines(&fold.Kernels) {
			fmt.Fprintf(w, "  ! %s: %s\n", fold.Param, line)
		}
	}
	if end != Collect && end != Keep { // what they hold is all that came
		fmt.Fprintf(w, "  handed on %s\n", count64(t.Emitted, "record"))
	}
}

// kernelLines says where a stage's functions did not run as compiled code, one line for each reason.
func kernelLines(k *kernel.Report) (lines []string) {
	for _, d := range k.Deopts {
		line := fmt.Sprintf("%s given up to the interpreter: %s", count64(d.Count, "record"), d.Reason)
		if d.Line > 0 {
			line += fmt.Sprintf(", line %d", d.Line)
		}
		lines = append(lines, line)
	}
	if k.Storms > 0 {
		lines = append(lines, fmt.Sprintf("too many of them: the interpreter took %s more", count64(k.Interpreted, "record")))
	}
	if k.Bugs > 0 {
		lines = append(lines, fmt.Sprintf("a bug of flowsh: compiled code panicked %s and was replaced by the interpreter: %s",
			times(k.Bugs), strings.ReplaceAll(k.Bug, "\n", " ")))
	}
	return lines
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func count64(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }
