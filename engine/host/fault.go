package host

import "slices"

// A Point is a named step of a commit, a spill or a manifest at which tests make the host fail.
type Point string

var points []Point

// NewPoint declares a fault point; packages call it for their package-level variables, so that Points is
// complete before main starts. A name twice panics.
func NewPoint(name string) Point {
	p := Point(name)
	if slices.Contains(points, p) {
		panic("host: fault point declared twice: " + name)
	}
	points = append(points, p)
	return p
}

// Points lists all declared fault points in order of name.
func Points() []Point {
	sorted := slices.Clone(points)
	slices.Sort(sorted)
	return sorted
}

// Fault reports the error that is injected at p, normally nil. The caller treats it as if the step that follows
// had failed.
func (h *Host) Fault(p Point) error {
	if h.Inject == nil {
		return nil
	}
	return h.Inject(p)
}
