package builtins

import (
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine/host"
)

var jobTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func options(args ...string) Options {
	return Options{Host: host.New(), Args: args, Now: jobTime, MaxSteps: 1_000_000}
}

func load(t *testing.T, source string, args ...string) *Job {
	t.Helper()
	job, err := Load("job.star", []byte(source), options(args...))
	if err != nil {
		t.Fatal(err)
	}
	return job
}

func loadError(t *testing.T, want, source string, args ...string) {
	t.Helper()
	_, err := Load("job.star", []byte(source), options(args...))
	if err == nil {
		t.Fatalf("loads, want an error that matches %q:\n%s", want, source)
	}
	var e *LoadError
	if !errors.As(err, &e) {
		t.Errorf("%T is no *LoadError: %v", err, err)
	}
	if !regexp.MustCompile(`(?s)` + want).MatchString(err.Error()) {
		t.Errorf("error %q does not match %q, in\n%s", err, want, source)
	}
}
