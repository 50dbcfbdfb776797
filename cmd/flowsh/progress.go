package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
)

// How often progress is shown: often where it replaces itself, seldom where lines pile up, and never in the first
// second, in which most jobs are done.
const (
	progressDelay    = time.Second
	terminalInterval = 200 * time.Millisecond
	plainInterval    = 5 * time.Second
)

// progress follows a run through its events and shows how far it has come.
type progress struct {
	console *console
	clock   host.Clock
	stop    chan struct{}
	stopped chan struct{}

	mu     sync.Mutex
	stages []*stageProgress // in order of their first event
}

// A stageProgress is how far one stage has come.
type stageProgress struct {
	engine.Progress
	since time.Time
	done  bool
}

// startProgress begins to show progress. The caller passes its event method to the host and calls finish.
func startProgress(c *console, clock host.Clock) *progress {
	p := &progress{console: c, clock: clock, stop: make(chan struct{}), stopped: make(chan struct{})}
	if c.flags.Quiet {
		close(p.stopped)
		return p
	}
	go p.tick()
	return p
}

// finish removes what is shown.
func (p *progress) finish() {
	close(p.stop)
	<-p.stopped
	p.console.hide()
}

func (p *progress) tick() {
	defer close(p.stopped)
	wait, next := progressDelay, terminalInterval
	if !p.console.terminal {
		wait, next = plainInterval, plainInterval
	}
	for {
		select {
		case <-p.stop:
			return
		case <-p.clock.After(wait):
			p.report()
			wait = next
		}
	}
}

func (p *progress) report() {
	s, ok := p.current()
	if !ok {
		return
	}
	text := s.describe(p.clock.Now())
	if p.console.terminal {
		p.console.show(text)
		return
	}
	p.console.say("", message{
		Event: "progress", Text: text,
		Stage: &s.Stage, Name: s.Name, Records: s.Records, Bytes: s.Bytes, Total: s.Total, Ending: s.Ending, Emitted: s.Emitted,
	})
}

// event takes an event of the engine.
func (p *progress) event(e host.Event) {
	switch e := e.(type) {
	case engine.Progress:
		p.update(e)
	case engine.StageDone:
		p.done(e)
	case engine.Printed:
		p.console.printed(e)
	case cluster.Intercepted:
		p.console.say(dim, message{Event: e.Name, Text: "flowsh: " + e.Text})
	case engine.Warning:
		p.console.warning(message{Text: e.Text, Stage: e.Stage})
	case engine.Stalled:
		if p.console.flags.Quiet {
			return
		}
		p.console.say(yellow, message{Event: "stalled", Text: "flowsh: nothing has moved for " +
			e.For.Round(time.Second).String() + ": " + e.Text})
	}
}

func (p *progress) update(e engine.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.stages {
		if s.Stage == e.Stage {
			s.Progress = e
			return
		}
	}
	p.stages = append(p.stages, &stageProgress{Progress: e, since: p.clock.Now()})
}

func (p *progress) done(e engine.StageDone) {
	p.mu.Lock()
	for _, s := range p.stages {
		if s.Stage == e.Stage {
			s.done = true
		}
	}
	p.mu.Unlock()
	if p.console.flags.Verbose {
		p.console.say(dim, message{
			Event: "stage", Stage: &e.Stage, Name: e.Name, Records: e.Records,
			Text: fmt.Sprintf("flowsh: stage %d done: %s, %s records", e.Stage, e.Name, grouped(e.Records)),
		})
	}
}

// current is the stage to show: the first that is not done, because the others wait for it.
func (p *progress) current() (stageProgress, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.stages {
		if !s.done {
			return *s, true
		}
	}
	return stageProgress{}, false
}

// describe says records, share done, speed and time left, as far as they are known.
func (s *stageProgress) describe(now time.Time) string {
	var b strings.Builder
	if s.Records == 0 && s.Bytes == 0 {
		return "flowsh: " + s.Name + ": no records yet"
	}
	fmt.Fprintf(&b, "flowsh: %s: %s records", s.Name, grouped(s.Records))
	if s.Ending {
		fmt.Fprintf(&b, " read, all there are; %s handed on", grouped(s.Emitted))
		return b.String()
	}
	seconds := now.Sub(s.since).Seconds()
	if seconds <= 0 {
		return b.String()
	}
	fmt.Fprintf(&b, ", %s records/s", grouped(int64(float64(s.Records)/seconds)))
	if s.Bytes == 0 {
		return b.String()
	}
	speed := float64(s.Bytes) / seconds
	fmt.Fprintf(&b, ", %.1f MB/s", speed/1e6)
	if s.Total > 0 {
		left := time.Duration(float64(max(0, s.Total-s.Bytes)) / speed * float64(time.Second))
		fmt.Fprintf(&b, ", %d%%, %v left", min(100, s.Bytes*100/s.Total), left.Round(time.Second))
	}
	return b.String()
}

// grouped writes n with a comma between groups of three digits.
func grouped(n int64) string {
	digits := fmt.Sprint(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}
