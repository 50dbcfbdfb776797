package engine

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

const (
	progressEvery = 200 * time.Millisecond
	stalledAfter  = 5 * time.Second
)

// watch reports progress, and what waits for what when nothing has moved for a while, until the returned function
// is called.
func (r *stepRun) watch(ctx context.Context) (stop func()) {
	done := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		var last int64
		moved := r.host.Clock.Now()
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				return
			case <-r.host.Clock.After(progressEvery):
			}
			now := r.host.Clock.Now()
			if n := r.progress(); n != last {
				last, moved = n, now
			} else if now.Sub(moved) >= stalledAfter {
				r.host.Send(Stalled{For: now.Sub(moved), Text: r.waits()})
				moved = now
			}
		}
	})
	return func() {
		close(done)
		watcher.Wait()
	}
}

// progress sends an event per running stage and returns a number that changes whenever something moves.
func (r *stepRun) progress() (moves int64) {
	moves = r.env.Moves.Load()
	for _, s := range r.stages {
		phase := s.phase.Load()
		records, bytes, emitted := s.records.Load(), s.bytes.Load(), s.emitted.Load()
		moves += records + bytes + emitted
		if phase == finished {
			moves++
			continue
		}
		r.host.Send(Progress{Stage: s.ID, Name: s.name, Records: records, Bytes: bytes, Total: s.total, Ending: phase == atTheEnd, Emitted: emitted})
	}
	return moves
}

// waits says, for every stage that is not finished, what it waits for.
func (r *stepRun) waits() string {
	var parts []string
	for _, s := range r.stages {
		switch phase := s.phase.Load(); {
		case phase == finished:
		case phase == waitingSide:
			parts = append(parts, fmt.Sprintf("%s waits for the whole of %s", s.name, s.sideName()))
		case s.writing.Load(): // and for input, too, perhaps, which is not what holds it up
			parts = append(parts, fmt.Sprintf("%s waits for %s to take its records", s.name, s.outputName()))
		case s.paced.Load():
			parts = append(parts, s.name+" waits, as the rate of the job has it")
		case s.reading.Load():
			parts = append(parts, fmt.Sprintf("%s waits for %s", s.name, s.inputName()))
		case phase == atTheEnd:
			parts = append(parts, fmt.Sprintf("%s brings together the %d records that it has read (%d handed on so far)", s.name, s.records.Load(), s.emitted.Load()))
		default:
			parts = append(parts, fmt.Sprintf("%s is working on a batch (%d records read so far)", s.name, s.records.Load()))
		}
	}
	return strings.Join(parts, "; ")
}

func (s *stageRun) inputName() string {
	if s.Source >= 0 {
		return "input from " + s.run.opName(s.Source)
	}
	var names []string
	for _, id := range s.Inputs {
		names = append(names, s.run.byID[id].name)
	}
	return strings.Join(names, " and ")
}

// sideName is what the stage needs complete before it begins.
func (s *stageRun) sideName() string {
	var names []string
	for _, id := range s.Sides {
		names = append(names, s.run.byID[id].name)
	}
	return strings.Join(names, " and ")
}

func (s *stageRun) outputName() string {
	if s.End == Write {
		return "its output"
	}
	var names []string
	for _, id := range s.Outputs {
		names = append(names, s.run.byID[id].name)
	}
	return strings.Join(names, " and ")
}
