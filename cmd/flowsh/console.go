package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/host"
	"golang.org/x/term"
)

// A message is what flowsh says on stderr: a line of text for people, a JSON object under --json.
type message struct {
	Event     string `json:"event"` // print, warning, stalled, progress, stage, summary, error, and in logs what a receipt says
	Text      string `json:"text"`
	Job       string `json:"job,omitempty"`
	Stage     *int   `json:"stage,omitempty"`
	Chunk     string `json:"chunk,omitempty"` // STEP.STAGE.TASK
	Attempt   int    `json:"attempt,omitempty"`
	Node      string `json:"node,omitempty"`
	Name      string `json:"name,omitempty"`
	Records   int64  `json:"records,omitempty"`
	Bytes     int64  `json:"bytes,omitempty"`
	Total     int64  `json:"total,omitempty"`
	Ending    bool   `json:"ending,omitempty"` // all records were read
	Emitted   int64  `json:"emitted,omitempty"`
	Position  string `json:"position,omitempty"`
	Record    string `json:"record,omitempty"`
	From      string `json:"from,omitempty"`
	Backtrace string `json:"backtrace,omitempty"`
	Status    int    `json:"status,omitempty"`
}

// A console writes messages to stderr. It is safe for concurrent use; it writes whole lines.
type console struct {
	flags    messageFlags
	terminal bool
	color    bool
	secrets  *builtins.Mask
	job      string // that all messages are about; "": they name none

	mu     sync.Mutex
	out    io.Writer
	status bool // a progress line stands on the terminal
}

func newConsole(h *host.Host, flags messageFlags) *console {
	c := &console{flags: flags, out: h.Stderr, terminal: isTerminal(h.Stderr) && !flags.JSON}
	noColor, set := h.LookupEnv("NO_COLOR")
	c.color = flags.Color == "always" || flags.Color == "auto" && c.terminal && !(set && noColor != "")
	return c
}

// mask hides these texts in all messages from now on.
func (c *console) mask(secrets []string) { c.secrets = builtins.NewMask(secrets) }

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Escape sequences of a terminal.
const (
	eraseLine   = "\r\x1b[K"
	clearScreen = "\x1b[H\x1b[J"
	red         = "\x1b[31m"
	yellow      = "\x1b[33m"
	dim         = "\x1b[2m"
	plain       = "\x1b[0m"
)

// say writes a message, in color if there are colors. Nothing can be done about an error of stderr.
func (c *console) say(color string, m message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
	m = m.masked(c.secrets)
	m.Job = c.job
	if c.terminal {
		m.Text = visible(m.Text)
	}
	fmt.Fprintln(c.out, c.format(color, m))
}

// masked hides what no message may show.
func (c *console) masked(text string) string { return c.secrets.Text(text) }

// masked is a message without secrets.
func (m message) masked(secrets *builtins.Mask) message {
	for _, text := range []*string{&m.Text, &m.Name, &m.Position, &m.Record, &m.From, &m.Backtrace} {
		*text = secrets.Text(*text)
	}
	return m
}

func (c *console) format(color string, m message) string {
	switch {
	case c.flags.JSON:
		var text strings.Builder
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(m) // strings and numbers cannot fail
		return strings.TrimSuffix(text.String(), "\n")
	case c.color && color != "":
		return color + m.Text + plain
	}
	return m.Text
}

// show puts a progress line in the place of the one before it; text is cut to the width of the terminal.
func (c *console) show(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok := c.out.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			text = text[:min(len(text), width-1)]
		}
	}
	if c.color {
		text = dim + text + plain
	}
	fmt.Fprint(c.out, eraseLine+text)
	c.status = true
}

// hide removes the progress line.
func (c *console) hide() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.erase()
}

func (c *console) erase() {
	if c.status {
		fmt.Fprint(c.out, eraseLine)
		c.status = false
	}
}

func (c *console) printed(e engine.Printed) {
	c.say("", message{Event: "print", Text: e.Text, Stage: e.Stage, Chunk: e.Chunk, Attempt: e.Attempt})
}

func (c *console) warn(text string) { c.warning(message{Text: text}) }

func (c *console) warning(m message) {
	m.Event = "warning"
	if !c.flags.JSON {
		m.Text = "flowsh: warning: " + m.Text
	}
	c.say(yellow, m)
}

// summary is the last line of a job that was done.
func (c *console) summary(text string) {
	if !c.flags.Quiet {
		c.say(dim, message{Event: "summary", Text: text})
	}
}

// exit reports err and returns the exit status that goes with it. A nil error is none.
func (c *console) exit(err error) int {
	status := exitStatus(err)
	if err == nil || isClosedOutput(err) || isA[*statusError](err) {
		return status
	}
	for _, m := range describe(err) {
		m.Status = status
		c.say(red, m)
	}
	return status
}
