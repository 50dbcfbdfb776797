package cluster

import (
	"fmt"
	"path/filepath"
	"slices"
)

// mostKept is of how many jobs that have ended a master keeps what their tasks gave, in case they are retried.
const mostKept = 8

// kept is the folder of what the tasks of a job gave.
func (m *Master) kept(id string) string { return filepath.Join(m.folder(id), "kept") }

// retries completes what is to be submitted if it retries a job. The lock is held.
func (m *Master) retries(s *Submit) error {
	if s.Retries == "" {
		return nil
	}
	old := m.queue.find(s.Retries)
	if old == nil {
		return &UnknownJobError{s.Retries}
	}
	if len(s.Bundle) > 0 {
		return nil
	}
	bundle, err := readAll(m.Host, filepath.Join(m.folder(old.ID), "bundle"))
	s.Bundle, s.Name, s.Distribute = bundle, old.Name, old.Distribute
	return err
}

// inherit gives a new job what the tasks of the one that it retries gave, if that is over. The lock is held.
func (m *Master) inherit(job *JobInfo) {
	old := m.queue.find(job.Retries)
	if old == nil || !old.State.Over() {
		return
	}
	if _, err := m.Host.FS.Stat(m.kept(old.ID)); err != nil {
		return // nothing is kept
	}
	if err := m.Host.FS.Rename(m.kept(old.ID), m.kept(job.ID)); err != nil {
		m.Log.Warn("all tasks are done again", "job", job.ID, "reason", err.Error())
	}
}

// dropKept removes what the tasks of a job gave that has succeeded with all records; what others gave is kept for a while.
// The lock is held.
func (m *Master) dropKept(e *entry) {
	if e.info.State.good() && !e.failed {
		_ = m.Host.FS.RemoveAll(m.kept(e.info.ID)) // it goes with the job
	}
	kept := 0
	for _, j := range slices.Backward(m.queue.jobs) {
		if !j.State.Over() {
			continue
		}
		if _, err := m.Host.FS.Stat(m.kept(j.ID)); err != nil {
			continue
		}
		if kept++; kept > mostKept {
			_ = m.Host.FS.RemoveAll(m.kept(j.ID)) // it goes with the job
		}
	}
}

// source says, for people, whose tasks a job may have, and of which script; "" if no other's.
func (m *Master) source(j *JobInfo) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch old := m.queue.find(j.Retries); {
	case old == nil || old.Bundle == j.Bundle:
		return j.Retries
	default:
		return fmt.Sprintf("%s with script %.12s; this one is %.12s", old.ID, old.Bundle, j.Bundle)
	}
}
