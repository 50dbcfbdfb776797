package kernel

import "slices"

// A Report says how a runner's functions were run.
type Report struct {
	Compiled    bool     // for records of some type at least
	Refusal     *Refusal // why not, nil if nothing was refused
	Records     int64    // that compiled code took
	Direct      int64    // that needed no code: what the functions give were columns already
	Interpreted int64    // that the interpreter took, batches at a time, after a refusal or a storm
	Deopts      []Deopts // that compiled code gave up to the interpreter, by reason
	Storms      int64    // runners that left all to the interpreter because of too many of those
	Bugs        int64    // records on which compiled code panicked, and chains on which the compiler did
	Bug         string   // one of those panics
}

// Deopts counts records that the interpreter took over for one reason.
type Deopts struct {
	Reason string
	Line   int32 // in the script; 0 if it is no single place
	Count  int64
}

// ReportOf says how a runner's functions have been run so far. ok is false if it has no functions to compile.
func ReportOf(r Runner) (report Report, ok bool) {
	switch r := r.(type) {
	case *compiled:
		return r.report, true
	case *direct:
		report, ok = ReportOf(r.slow)
		report.Direct = r.direct
		return report, ok
	case *verifier:
		return ReportOf(r.fast)
	}
	return Report{}, false
}

// Add adds what another runner of the same chain did.
func (r *Report) Add(other Report) {
	r.Compiled = r.Compiled || other.Compiled
	if r.Refusal == nil {
		r.Refusal = other.Refusal
	}
	r.Records += other.Records
	r.Direct += other.Direct
	r.Interpreted += other.Interpreted
	for _, d := range other.Deopts {
		r.count(d)
	}
	r.Storms += other.Storms
	r.Bugs += other.Bugs
	if r.Bug == "" {
		r.Bug = other.Bug
	}
}

func (r *Report) count(d Deopts) {
	i := slices.IndexFunc(r.Deopts, func(e Deopts) bool { return e.Reason == d.Reason && e.Line == d.Line })
	if i < 0 {
		r.Deopts = append(r.Deopts, d)
		return
	}
	r.Deopts[i].Count += d.Count
}
