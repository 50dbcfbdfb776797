package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
)

// A webhook posts what happens to a server, as a JSON object each.
type webhook struct{ url string }

func isServer(url string) bool {
	return strings.HasPrefix(url, "http://") || strings.HasPrefix(url, "https://")
}

func (w webhook) wants(string) bool { return true }
func (w webhook) close() error      { return nil }
func (w webhook) call(ctx context.Context, i interception) error {
	text, err := i.json()
	if err != nil {
		return err
	}
	return post(ctx, w.url, string(text))
}

// webhookTime is how long a server may take to answer.
const webhookTime = 5 * time.Second

// poster goes nowhere but where it is sent.
var poster = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// post gives a server a JSON object. Any answer but one of success is an error.
func post(ctx context.Context, url, text string) error {
	ctx, cancel := context.WithTimeout(ctx, webhookTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := poster.Do(request)
	if err != nil {
		return err
	}
	_ = answer.Body.Close() // nothing is read of it
	if answer.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s answers %s", url, answer.Status)
	}
	return nil
}

// A relayed webhook is posted by the master: jobs of a cluster have no network.
type relayed struct {
	url  string
	emit func(host.Event)
}

func (r *relayed) wants(string) bool { return true }
func (r *relayed) close() error      { return nil }
func (r *relayed) call(_ context.Context, i interception) error {
	text, err := i.json()
	r.emit(cluster.Webhook{URL: r.url, Text: string(text)})
	return err
}

// webhooksOf are the servers that the values of --intercept name.
func webhooksOf(intercept []string) (urls []string) {
	for _, what := range intercept {
		if kind, value, _ := strings.Cut(what, ":"); kind == "webhook" {
			urls = append(urls, value)
		}
	}
	return urls
}

// webhookGrants are what the operator of a master lets jobs post to. They implement cluster.Webhooks.
type webhookGrants struct {
	clock host.Clock
	all   []*url.URL
}

// newWebhookGrants reads the values of --allow-webhook.
func newWebhookGrants(prefixes []string, clock host.Clock) (*webhookGrants, error) {
	g := &webhookGrants{clock: clock}
	for _, prefix := range prefixes {
		u, err := url.Parse(prefix)
		if err != nil || !isServer(prefix) || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return nil, usagef("--allow-webhook %s: write what the URLs begin with: https://hooks.example.com/flowsh, or https:// for all", prefix)
		}
		g.all = append(g.all, u)
	}
	return g, nil
}

// Granted implements cluster.Webhooks.
func (g *webhookGrants) Granted(text string) error {
	u, err := url.Parse(text)
	if err == nil && isServer(text) && slices.ContainsFunc(g.all, func(grant *url.URL) bool { return covers(grant, u) }) {
		return nil
	}
	return usagef("webhook %s: the operator of this cluster has not granted it: start the master with --allow-webhook and what the URL begins with", text)
}

// covers reports whether a URL is at the server of a grant, at its path or below it. A grant without a server is of all.
func covers(grant, u *url.URL) bool {
	if grant.Scheme != u.Scheme || u.Opaque != "" || grant.Host != "" && !strings.EqualFold(grant.Host, u.Host) {
		return false
	}
	root, under := strings.TrimSuffix(path.Clean("/"+grant.Path), "/"), path.Clean("/"+u.Path)
	return under == root || strings.HasPrefix(under, root+"/")
}

// Begin implements cluster.Webhooks.
func (g *webhookGrants) Begin() cluster.Posts { return &grantedPosts{g, newCalls(g.clock)} }

// grantedPosts are those of a job.
type grantedPosts struct {
	grants *webhookGrants
	calls  *calls
}

// Post implements cluster.Posts.
func (p *grantedPosts) Post(w cluster.Webhook) {
	p.calls.add(len(w.URL)+len(w.Text), func(ctx context.Context) error {
		if err := p.grants.Granted(w.URL); err != nil {
			return err
		}
		return post(ctx, w.URL, w.Text)
	})
}

// End implements cluster.Posts.
func (p *grantedPosts) End() []string {
	p.calls.end()
	return p.calls.warnings()
}
