package builtins

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/flowsh/flowsh/engine/chunk"
)

// A sessionState is what a session was when it made a call: whoever runs its text again comes to the same call.
type sessionState struct {
	Parts []partState `json:"parts"`
	Whole bool        `json:"whole,omitempty"` // the call is that of the job which the parts make
}

type partState struct {
	Text  string   `json:"text"`
	Given [][]byte `json:"given,omitempty"` // each a chunk of one record
}

// State is what LoadCall makes the same call of. The error is about what was collected: it is too large.
func (c *Call) State() ([]byte, error) { return stateOf(c.evaluation.parts, false) }

// State is what LoadCall makes the job of that the text makes; see Call.State.
func (s *Session) State() ([]byte, error) { return stateOf(s.parts, true) }

func stateOf(parts []sessionPart, whole bool) ([]byte, error) {
	state := sessionState{Whole: whole}
	for _, p := range parts {
		kept := partState{Text: p.text}
		for _, v := range p.given {
			var b chunk.Batch
			b.Append(v)
			data, err := chunk.Append(nil, chunk.ID{}, &b, chunk.Options{})
			if err != nil {
				return nil, mistake("put the records into a file by .write(...).run(), and read that", "what was collected is too much to be sent along: %v", err)
			}
			kept.Given = append(kept.Given, data)
		}
		state.Parts = append(state.Parts, kept)
	}
	return json.Marshal(state)
}

// LoadCall makes the call again of which State was asked. The job is not run.
func LoadCall(state []byte, o Options) (*Call, error) {
	var loaded sessionState
	if err := json.Unmarshal(state, &loaded); err != nil || len(loaded.Parts) == 0 {
		return nil, errors.New("the state of the prompt is damaged")
	}
	var found *Call
	s := NewSession(SessionOptions{Options: o, Run: func(_ context.Context, c *Call) error {
		found = c
		return errFound
	}})
	for _, p := range loaded.Parts {
		part := sessionPart{text: p.Text}
		for _, data := range p.Given {
			var b chunk.Batch
			if _, err := chunk.Decode(data, &b); err != nil || b.N != 1 {
				return nil, errors.New("the state of the prompt is damaged")
			}
			part.given = append(part.given, b.At(0))
		}
		s.parts = append(s.parts, part)
	}
	if loaded.Whole {
		job, err := s.Job(context.Background())
		return &Call{Job: job, Method: CallRun}, err
	}
	e := &evaluation{Session: s, ctx: context.Background(), parts: s.parts}
	_, script, err := e.run()
	if err == nil && e.endsWithValue(script) {
		_, err = e.look(e.main.globals[lastValue])
	}
	switch {
	case errors.Is(err, errFound):
		return found, nil
	case err == nil:
		err = errors.New("the text does not come to the same call again: it depends on something else")
	}
	return nil, err
}

var errFound = errors.New("the call was found")
