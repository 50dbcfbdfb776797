package engine

import (
	"fmt"
	"strings"

	"github.com/flowsh/flowsh/engine/connector"
)

// claim notes an output of the step. It refuses one that would replace a file which the step reads, or another
// output.
func (r *stepRun) claim(spec *connector.SinkSpec) error {
	if spec.Target == "-" || strings.HasPrefix(spec.Target, "/dev/") {
		return nil
	}
	for _, s := range r.stages {
		for _, split := range s.splits {
			if split.File != "" && connector.Replaces(r.host, spec, split.File) {
				return fmt.Errorf("%s is both input and output: write to another file", split.File)
			}
		}
	}
	for _, other := range r.targets {
		if connector.Replaces(r.host, spec, other) {
			return fmt.Errorf("two outputs go to %s: give each a file of its own", spec.Target)
		}
	}
	r.targets = append(r.targets, spec.Target)
	return nil
}

// checkDeadLetters finds out early, before hours of work, that failed records cannot be written.
func (r *stepRun) checkDeadLetters() error {
	seen := map[string]bool{}
	for _, s := range r.stages {
		for _, op := range append([]int{s.Source, s.Op}, s.Chain...) {
			if op < 0 {
				continue
			}
			for _, file := range r.letterFiles(op) {
				if seen[file] {
					continue
				}
				seen[file] = true
				if err := r.checkDeadLetterFile(file); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// letterFiles are the files for records of an op that fail, and that come late.
func (r *stepRun) letterFiles(op int) (files []string) {
	if rules := r.rules(op); rules != nil && rules.File != "" {
		files = append(files, rules.File)
	}
	if w := r.graph.Ops[op].Window; w != nil && w.sheds() {
		files = append(files, w.Late)
	}
	return files
}

func (r *stepRun) checkDeadLetterFile(file string) error {
	spec := deadLetterSpec(file)
	if err := r.claim(&spec); err != nil || r.options.DryRun || r.options.Receive != nil {
		return err
	}
	sink, err := connector.NewSink(spec, r.host, r.host.Stdout)
	if err != nil {
		return err
	}
	return sink.Abort()
}
