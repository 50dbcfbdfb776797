package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/flowsh/flowsh/engine/kernel"
)

// fingerprints say what the tasks of a stage do: shape which operators they run, and code which functions besides. What
// tasks gave is of use to another run of the job, of the same script or of one that was changed since, if both are the
// same.
func (s *stageRun) fingerprints() (shape, code string) {
	g := s.run.graph
	ops := append([]int{s.Source}, s.Chain...)
	if s.Op >= 0 {
		ops = append(ops, s.Op)
	}
	shapes, codes := sha256.New(), sha256.New()
	fmt.Fprint(shapes, s.End, s.Laned, g.Seed)
	if s.First != nil {
		fmt.Fprint(shapes, " first ", *s.First)
	}
	for _, id := range ops {
		op := g.Ops[id]
		op.ID, op.At, op.In, op.Sink = 0, "", nil, nil
		op.Funcs = maps.Clone(op.Funcs)
		for param := range op.Funcs {
			op.Funcs[param] = "" // a text for people
		}
		text, _ := json.Marshal(op) // an op has a text
		_, _ = shapes.Write(text)   // a hash takes everything
		s.run.program.fingerprint(codes, id)
	}
	return hex.EncodeToString(shapes.Sum(nil)), hex.EncodeToString(codes.Sum(nil))
}

// fingerprint writes what an op has of the script.
func (p *Program) fingerprint(w io.Writer, op int) {
	var refs []Ref
	for ref := range p.Funcs {
		refs = append(refs, ref)
	}
	for ref := range p.Values {
		refs = append(refs, ref)
	}
	refs = slices.DeleteFunc(refs, func(r Ref) bool { return r.Op != op })
	slices.SortFunc(refs, func(a, b Ref) int { return strings.Compare(a.Param, b.Param) })
	for _, ref := range refs {
		fmt.Fprintf(w, "%s=", ref.Param)
		if f := p.Funcs[ref]; f != nil {
			f.Fingerprint(w)
		}
		if v := p.Values[ref]; v != nil {
			kernel.FingerprintValue(w, p.source(), v)
		}
	}
}

// source finds the syntax trees of the script; nil if there is none.
func (p *Program) source() kernel.Source {
	for _, f := range p.Funcs { // all have the same
		if f.Source != nil {
			return f.Source
		}
	}
	return nil
}
