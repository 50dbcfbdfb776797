package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flowsh/flowsh/builtins"
	"github.com/flowsh/flowsh/engine"
	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
	"go.starlark.net/starlark"
)

// A slowWatcher takes its time.
type slowWatcher struct {
	takes time.Duration
	calls int
	names map[string]bool // of hooks that were called; nil: they are not noted
}

func (w *slowWatcher) wants(string) bool { return true }
func (w *slowWatcher) close() error      { return nil }
func (w *slowWatcher) call(ctx context.Context, i interception) error {
	w.calls++
	if w.names != nil {
		w.names[i.name] = true
		return nil
	}
	select {
	case <-time.After(w.takes):
		return errors.New("slow")
	case <-ctx.Done():
		return nil
	}
}

// TestEveryHook tests that there is something for each hook to be called for.
func TestEveryHook(t *testing.T) {
	w := &slowWatcher{names: map[string]bool{}}
	s := newInterceptors([]interceptor{w}, nil, nil, strings.Clone, host.New().Clock)
	s.tell("on_step_start", starlark.StringDict{})
	for kind := range hooksOf {
		s.event(cluster.Receipt{Kind: kind})
	}
	s.event(cluster.NodeJoined{Name: "w1"})
	s.event(cluster.NodeLeft{Name: "w1"})
	s.finish(&engine.Summary{}, nil)
	if want := slices.Sorted(slices.Values(builtins.HookNames)); !slices.Equal(slices.Sorted(maps.Keys(w.names)), want) {
		t.Errorf("called are %v", w.names)
	}
}

// A slow interceptor holds up a job at its end for a tenth of its time, at most a second; what it was not told is counted.
func TestSlowInterceptor(t *testing.T) {
	for took, want := range map[time.Duration]struct {
		last  time.Duration
		calls int
	}{
		0:                {leastCalls, 1},
		5 * time.Second:  {500 * time.Millisecond, 18},
		50 * time.Second: {mostCalls, 170},
	} {
		slowInterceptor(t, took, want.last, want.calls)
	}
}

func slowInterceptor(t *testing.T, job, last time.Duration, calls int) {
	synctest.Test(t, func(t *testing.T) {
		w := &slowWatcher{takes: 300 * time.Millisecond}
		began := time.Now()
		s := newInterceptors([]interceptor{w}, nil, nil, strings.Clone, host.New().Clock)
		for range mostQueued + 100 {
			s.tell("on_send", starlark.StringDict{})
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the job waited for %v", took)
		}
		time.Sleep(job)
		warnings := s.finish(&engine.Summary{}, nil)
		if took := time.Since(began); took != job+last {
			t.Errorf("the end took %v", took-job)
		}
		if len(warnings) != 2 && job > 0 || w.calls < calls-1 || w.calls > calls+1 {
			t.Errorf("%d calls, %q", w.calls, warnings)
		}
	})
}

// TestCountersForHooksAreMasked tests that no secret is in the names of counters that interceptors hear of.
func TestCountersForHooksAreMasked(t *testing.T) {
	h := host.NewMemory()
	mask := func(text string) string { return strings.ReplaceAll(text, "secret", "***") }
	s := newInterceptors([]interceptor{&written{path: "events.jsonl"}}, h.FS, nil, mask, h.Clock)
	if warnings := s.finish(&engine.Summary{Counted: []engine.Counter{{Name: "a secret", Value: 3}}}, errors.New("secret")); warnings != nil {
		t.Errorf("%q", warnings)
	}
	f, err := h.FS.Open("events.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if text, err := io.ReadAll(f); err != nil || strings.Contains(string(text), "secret") || !strings.Contains(string(text), `"counted":{"a ***":3}`) {
		t.Errorf("%s, %v", text, err)
	}
}

// A patientClock waits for ever.
type patientClock struct{ host.Clock }

func (patientClock) After(time.Duration) <-chan time.Time { return nil }

// TestWebhook tests that a server gets an object for each event, and that one which refuses is named.
func TestWebhook(t *testing.T) {
	var mu sync.Mutex
	var got []string
	clock := patientClock{host.New().Clock}
	status := http.StatusNoContent
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		text, _ := io.ReadAll(r.Body) // what is missing is seen
		got = append(got, r.Method+" "+r.Header.Get("Content-Type")+" "+string(text))
		w.WriteHeader(status)
	}))
	defer server.Close()
	s := newInterceptors([]interceptor{webhook{server.URL}}, nil, nil, strings.Clone, clock)
	s.tell("on_step_start", starlark.StringDict{"job": starlark.String("a")})
	if warnings := s.finish(&engine.Summary{Read: 2}, nil); warnings != nil {
		t.Errorf("%q", warnings)
	}
	want := []string{
		`POST application/json {"event":"step_start","job":"a"}`,
		`POST application/json {"bytes":0,"counted":{},"dead":0,"event":"step_complete","late":0,"ok":true,"read":2,"written":0}`,
	}
	mu.Lock()
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	status = http.StatusInternalServerError
	mu.Unlock()
	s = newInterceptors([]interceptor{webhook{server.URL}}, nil, nil, strings.Clone, clock)
	if warnings := s.finish(nil, nil); len(warnings) != 1 || !strings.Contains(warnings[0], server.URL+" answers 500") {
		t.Errorf("%q", warnings)
	}
}

// TestWebhookGrants tests to which URLs jobs may post.
func TestWebhookGrants(t *testing.T) {
	g, err := newWebhookGrants([]string{"https://hooks.example.com/team/a", "http://127.0.0.1:80", "https://[::1]:8443/"}, host.New().Clock)
	if err != nil {
		t.Fatal(err)
	}
	for url, granted := range map[string]bool{
		"https://hooks.example.com/team/a":          true,
		"https://hooks.example.com/team/a/b?x=../y": true,
		"https://HOOKS.example.com/team/a":          true,
		"https://hooks.example.com/team/a/../a/b":   true,
		"https://hooks.example.com/team/ab":         false,
		"https://hooks.example.com/team/a/../b":     false,
		"https://hooks.example.com/team/a/%2e%2e/b": false,
		"https://hooks.example.com/team/a%2f..%2fb": false,
		"https://hooks.example.com:444/team/a":      false,
		"https://hooks.example.com.evil.org/team/a": false,
		"https://hooks.example.com@evil.org/team/a": false,
		"http://hooks.example.com/team/a":           false,
		"http://127.0.0.1:80":                       true,
		"http://127.0.0.1:80/x":                     true,
		"http://127.0.0.1:8080/":                    false,
		"https://[::1]:8443/x":                      true,
		"file:///etc/passwd":                        false,
		"https:hooks.example.com/team/a":            false,
		"https://hooks.example.com/team/a\r\nX: y":  false,
		"": false,
	} {
		if err := g.Granted(url); (err == nil) != granted {
			t.Errorf("%q: %v", url, err)
		}
	}
	all, err := newWebhookGrants([]string{"https://"}, host.New().Clock)
	if err != nil || all.Granted("https://a/b") != nil || all.Granted("http://a/b") == nil {
		t.Errorf("all: %v", err)
	}
	for _, prefix := range []string{"", "hooks.example.com", "ftp://a", "https://user@a/", "https://a/?b", "https://a/#b", "https://%zz"} {
		if _, err := newWebhookGrants([]string{prefix}, host.New().Clock); err == nil {
			t.Errorf("%q is a grant", prefix)
		}
	}
}

// TestGrantedPosts tests that posts which are not granted, which the server sends elsewhere, or for which there is no
// room, are counted and go nowhere.
func TestGrantedPosts(t *testing.T) {
	var got []string
	hold := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-hold
		got = append(got, r.URL.Path)
		if r.URL.Path == "/granted/moved" {
			http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
		}
	}))
	defer server.Close()
	g, err := newWebhookGrants([]string{server.URL + "/granted"}, patientClock{host.New().Clock})
	if err != nil {
		t.Fatal(err)
	}
	posts := g.Begin()
	for _, path := range []string{"/granted/moved", "/other", "/granted"} {
		posts.Post(cluster.Webhook{URL: server.URL + path, Text: "{}"})
	}
	long := strings.Repeat("x", mostQueuedBytes)
	posts.Post(cluster.Webhook{URL: server.URL + "/granted/long", Text: long})
	close(hold)
	warnings := posts.End()
	server.Close() // got is whole
	if want := []string{"/granted/moved", "/granted"}; !slices.Equal(got, want) {
		t.Errorf("the server got %q", got)
	}
	if len(warnings) != 2 || !strings.Contains(warnings[0], "failed 2 times") || !strings.Contains(warnings[0], "/granted/moved answers 307") || !strings.Contains(warnings[1], "once they were not called") {
		t.Errorf("%q", warnings)
	}
}
