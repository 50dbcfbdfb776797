package cluster

import "errors"

// A Webhook is an event that an interceptor of a job has the master post to a server, for jobs have no network.
type Webhook struct {
	URL  string `json:"url"`
	Text string `json:"text"` // a JSON object
}

// Event implements host.Event.
func (Webhook) Event() string { return "webhook" }

// Webhooks post to servers for jobs, as far as the operator of the master has granted it. They are safe for concurrent use.
type Webhooks interface {
	// Granted says why no job may post to a URL; nil: they may.
	Granted(url string) error
	// Begin begins the posts of a job, each of which must be granted.
	Begin() Posts
}

// Posts are those of a job that runs. How long they take, and whether they fail, changes nothing in it.
type Posts interface {
	// Post queues one, and does not block: what there is no room for is counted.
	Post(w Webhook)
	// End waits a while for what is queued, and says what went wrong. It is called once, after the last Post.
	End() (warnings []string)
}

// noWebhooks are those of a master that has none.
type noWebhooks struct{}

func (noWebhooks) Granted(string) error { return errors.New("this master posts nothing for jobs") }
func (noWebhooks) Begin() Posts         { return noWebhooks{} }
func (noWebhooks) Post(Webhook)         {}
func (noWebhooks) End() []string        { return nil }
