package engine

import (
	"fmt"
	"strings"
	"time"
)

// A Window says how an operator's state is cut into windows. The time of a record is what the op's function
// window.time gives for it. Which fields count depends on Kind.
type Window struct {
	Kind  string        `json:"kind"`            // fixed, sliding, session, count or periodic
	Size  time.Duration `json:"size,omitempty"`  // fixed, sliding: of a window; session: the gap; periodic: the period
	Every time.Duration `json:"every,omitempty"` // sliding: from the start of one window to that of the next
	N     int64         `json:"n,omitempty"`     // count: records in a window
	// Lateness is how much older than the greatest time before it, in the order of the input, a record may be; nil:
	// none is too old.
	Lateness *time.Duration `json:"lateness,omitempty"`
	Late     string         `json:"late,omitempty"` // "include", or the file for late records; "" if Lateness is nil
	Fill     bool           `json:"fill,omitempty"` // fixed, sliding: windows without records come out too
	At       string         `json:"at"`             // file:line:col of the call that sets it
}

// The kinds of windows.
const (
	fixedWindows    = "fixed"
	slidingWindows  = "sliding"
	sessionWindows  = "session"
	countWindows    = "count"
	periodicWindows = "periodic"
)

// include is what Late says if late records are taken like all others.
const include = "include"

// timed says that records have a time.
func (w *Window) timed() bool {
	return w.Kind == fixedWindows || w.Kind == slidingWindows || w.Kind == sessionWindows
}

// sheds says that late records are written to a file instead.
func (w *Window) sheds() bool { return w.Lateness != nil && w.Late != include }

// combines says that records can be placed in any order, on all cores.
func (w *Window) combines() bool {
	return !w.sheds() && (w.Kind == fixedWindows || w.Kind == slidingWindows)
}

// step is the distance from the start of a fixed or sliding window to that of the next.
func (w *Window) step() int64 {
	if w.Every > 0 {
		return int64(w.Every)
	}
	return int64(w.Size)
}

// String is the window for people: "windows.sliding(1h0m0s, every=1m0s)".
func (w *Window) String() string {
	var args []string
	if w.Kind == countWindows {
		args = append(args, fmt.Sprint(w.N))
	} else {
		args = append(args, w.Size.String())
	}
	if w.Every > 0 {
		args = append(args, "every="+w.Every.String())
	}
	if w.Lateness != nil {
		args = append(args, "lateness="+w.Lateness.String(), "late="+w.Late)
	}
	if w.Fill {
		args = append(args, "fill")
	}
	return "windows." + w.Kind + "(" + strings.Join(args, ", ") + ")"
}

// A Trigger says when a reduce or a scan hands on its state although more records may come. The op's function
// trigger.f decides as well, where there is one.
type Trigger struct {
	Every  int64         `json:"every,omitempty"`  // after so many records of a state
	Period time.Duration `json:"period,omitempty"` // with the first record after each so much time of the clock
	After  time.Duration `json:"after,omitempty"`  // once, with the first record so long after a state's first one
	At     string        `json:"at"`               // file:line:col of the call that sets it
}

// clocked says that the machine's clock decides.
func (t *Trigger) clocked() bool { return t.Period > 0 || t.After > 0 }

// String is the trigger for people.
func (t *Trigger) String() string {
	var args []string
	if t.Every > 0 {
		args = append(args, fmt.Sprintf("every=%d", t.Every))
	}
	if t.Period > 0 {
		args = append(args, "period="+t.Period.String())
	}
	if t.After > 0 {
		args = append(args, "after="+t.After.String())
	}
	if args == nil {
		args = append(args, "f")
	}
	return "trigger(" + strings.Join(args, ", ") + ")"
}

// cuts are the windows and triggers of an op for people, "" if there are none.
func (o *Op) cuts() string {
	text := ""
	if o.Window != nil {
		text += " in " + o.Window.String()
	}
	if o.Trigger != nil {
		text += " at " + o.Trigger.String()
	}
	return text
}

// ClockNote says, for the audit line, that the op's results depend on the machine's clock; "" if they do not.
func (o *Op) ClockNote() string {
	switch {
	case o.Window != nil && o.Window.Kind == periodicWindows:
		return fmt.Sprintf("%s at %s is cut by the clock: another run may give other results", o.Window, o.Window.At)
	case o.Trigger != nil && o.Trigger.clocked():
		return fmt.Sprintf("%s at %s goes by the clock: another run may give other results", o.Trigger, o.Trigger.At)
	}
	return ""
}
