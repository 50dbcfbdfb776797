package gossip

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine/host"
)

func start(t *testing.T, c Config) *Node {
	t.Helper()
	c.Bind, c.Host, c.Log = "127.0.0.1:0", host.New(), slog.New(slog.DiscardHandler)
	n, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close() }) // it may have left
	return n
}

// sees waits until a node sees exactly these members alive.
func sees(t *testing.T, n *Node, names ...string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		var alive []string
		for _, m := range n.Members() {
			if m.Alive {
				alive = append(alive, m.Name)
			}
		}
		if fmt.Sprint(alive) == fmt.Sprint(names) {
			return
		}
		select {
		case <-n.Changed():
		case <-late:
			t.Fatalf("%s sees %v, want %v", n.config.Name, alive, names)
		}
	}
}

// hears waits until a node knows why it is apart.
func hears(t *testing.T, n *Node, want string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for n.Apart() == nil {
		select {
		case <-n.Changed():
		case <-late:
			t.Fatalf("%s does not know why it is apart", n.config.Name)
		}
	}
	if err := n.Apart(); !strings.Contains(err.Error(), want) {
		t.Errorf("%s hears %q, want %q", n.config.Name, err, want)
	}
}

func TestMembersComeAndGo(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	a := start(t, Config{Name: "a", Cluster: "c", Key: key, Tags: map[string]string{"role": "master"}})
	seeds := []string{a.Address().String()}
	b := start(t, Config{Name: "b", Cluster: "c", Key: key, Seeds: seeds})
	c := start(t, Config{Name: "c", Cluster: "c", Key: key, Seeds: seeds})
	for _, n := range []*Node{a, b, c} {
		sees(t, n, "a", "b", "c")
	}
	if m := b.Members()[0]; m.Tags["role"] != "master" || m.Address != a.Address() {
		t.Errorf("b sees a as %+v", m)
	}
	if err := c.Leave(); err != nil {
		t.Fatal(err)
	}
	sees(t, a, "a", "b")
	again := start(t, Config{Name: "c", Cluster: "c", Key: key, Seeds: seeds})
	sees(t, a, "a", "b", "c")
	sees(t, again, "a", "b", "c")

	stranger := start(t, Config{Name: "stranger", Cluster: "c", Key: bytes.Repeat([]byte{8}, 32), Seeds: seeds})
	plain := start(t, Config{Name: "plain", Cluster: "c", Seeds: seeds})
	other := start(t, Config{Name: "other", Cluster: "d", Key: key, Seeds: seeds})
	hears(t, stranger, "failed to join "+seeds[0]+": ")
	hears(t, plain, "failed to join "+seeds[0]+": remote state is encrypted")
	hears(t, other, "failed to join "+seeds[0]+": ")
	if err := b.Apart(); err != nil {
		t.Errorf("b is apart: %v", err)
	}
	d := start(t, Config{Name: "d", Cluster: "c", Key: key, Seeds: seeds})
	sees(t, d, "a", "b", "c", "d")
	sees(t, a, "a", "b", "c", "d")
}

func TestBadConfigs(t *testing.T) {
	for want, c := range map[string]Config{
		"not loopback, and there is no key": {Name: "a", Bind: "0.0.0.0:0"},
		"32 bytes, not 3":                   {Name: "a", Bind: "127.0.0.1:0", Key: []byte("key")},
		"is no name of a node":              {Name: "a#b", Bind: "127.0.0.1:0"},
		"too long for gossip":               {Name: "a", Bind: "127.0.0.1:0", Tags: map[string]string{"x": strings.Repeat("y", 300)}},
		"gossip at host":                    {Name: "a", Bind: "host"},
	} {
		if _, err := Start(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", c, err, want)
		}
	}
}

// TestStrangersAtThePort sends what is no gossip to a member, over TCP and UDP, and leaves connections open: the members go
// on seeing each other, and another one can join.
func TestStrangersAtThePort(t *testing.T) {
	for name, key := range map[string][]byte{"with a key": bytes.Repeat([]byte{7}, 32), "without": nil} {
		t.Run(name, func(t *testing.T) {
			a := start(t, Config{Name: "a", Cluster: "c", Key: key})
			address := a.Address().String()
			random := make([]byte, 1400)
			r := rand.NewChaCha8([32]byte{1})
			for _, network := range []string{"tcp", "udp"} {
				for i := range 40 {
					conn, err := net.Dial(network, address)
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close()
					_, _ = r.Read(random) // it cannot fail
					random[0] = byte(i)   // all kinds of messages
					text := random
					switch i % 4 {
					case 1:
						text = []byte("GET / HTTP/1.1\r\n\r\n")
					case 2:
						text = random[:1]
					}
					_, _ = conn.Write(text) // the other side may have closed it
				}
			}
			b := start(t, Config{Name: "b", Cluster: "c", Key: key, Seeds: []string{address}})
			sees(t, a, "a", "b")
			sees(t, b, "a", "b")
		})
	}
}
