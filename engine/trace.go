package engine

import "time"

// A span is a stretch of a worker's time. The nil span is not measured.
type span struct {
	stage  *stageRun
	worker int
	began  time.Time
}

// span begins to measure a worker; nil if nothing is traced.
func (s *stageRun) span(worker int) *span {
	if !s.run.options.Trace {
		return nil
	}
	return &span{s, worker, s.run.host.Clock.Now()}
}

// end sends what the worker did, and begins the next span.
func (p *span) end(what string, records int64) *span {
	if p == nil {
		return nil
	}
	next := p.stage.span(p.worker)
	p.stage.run.host.Send(Worked{
		Stage: p.stage.ID, Name: p.stage.name, Worker: p.worker, What: what,
		Began: p.began, Took: next.began.Sub(p.began), Records: records,
	})
	return next
}
