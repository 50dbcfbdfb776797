// Package gossip finds the members of a cluster: who is there, where, and what it is. It carries nothing else. What it
// says of a member is a hint: a member that it calls failed may only be slow, and whoever talks to one finds out.
package gossip

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flowsh/flowsh/engine/host"
	"github.com/hashicorp/memberlist"
	"github.com/hashicorp/serf/serf"
)

// A Config says who a member is and where it finds others.
type Config struct {
	Name    string // unique in the cluster; a process that is started again keeps it
	Cluster string // members of others are ignored
	// Tags say what the member is: together under 300 bytes.
	Tags map[string]string
	// Bind is the address to listen at, for UDP and TCP; port 0 is any that is free.
	Bind string
	// Key of 32 bytes keeps others out. It is needed off loopback.
	Key []byte
	// Seeds are addresses of members. They are asked again as long as they are not in the cluster: members that
	// were apart for a day would never find each other by themselves.
	Seeds []string
	Host  *host.Host
	Log   *slog.Logger
}

// A Member is a process of the cluster.
type Member struct {
	Name    string
	Address netip.AddrPort // of its gossip
	Tags    map[string]string
	Alive   bool // false: it seems to have failed, or has left
}

// mostTags bounds the tags in bytes: they travel in one packet with others.
const mostTags = 300

// rejoinEvery is how often seeds are asked that are not in the cluster.
const rejoinEvery = 5 * time.Second

// A Node is this process as a member. It is safe for concurrent use.
type Node struct {
	config  Config
	serf    *serf.Serf
	changed chan struct{}
	stop    context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	apart error // why a seed is not in the cluster; nil: all are, as far as is known
}

// Start makes this process a member. A seed that does not answer is no error: it is asked again.
func Start(c Config) (*Node, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	events := make(chan serf.Event, 64)
	s, err := c.serf(events)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	n := &Node{config: c, serf: s, changed: make(chan struct{}, 1), stop: stop}
	n.running.Go(func() { n.drain(ctx, events) })
	n.running.Go(func() { n.rejoin(ctx) })
	return n, nil
}

func (c *Config) check() error {
	size := 0
	for k, v := range c.Tags {
		size += len(k) + len(v) + 2
	}
	ip, _, err := hostPort(c.Bind)
	switch {
	case err != nil:
		return fmt.Errorf("gossip at %s: %w", c.Bind, err)
	case c.Name == "" || strings.ContainsAny(c.Name, "#/ "):
		return fmt.Errorf("%q is no name of a node: it must not be empty, nor hold #, / or spaces", c.Name)
	case size > mostTags:
		return fmt.Errorf("tags of %d bytes are too long for gossip: at most %d", size, mostTags)
	case len(c.Key) != 0 && len(c.Key) != 32:
		return fmt.Errorf("a gossip key has 32 bytes, not %d", len(c.Key))
	case len(c.Key) == 0 && !ip.IsLoopback():
		return fmt.Errorf("gossip at %s is not loopback, and there is no key: make one with flowsh keygen", c.Bind)
	}
	return nil
}

func hostPort(address string) (netip.Addr, int, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return netip.Addr{}, 0, err
	}
	if host == "" {
		host = "0.0.0.0"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return ip, 0, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return ip, int(n), err
}

// serf starts the library with a profile between its LAN and its local one: the LAN profile takes 7 s to notice a
// crash, the local one 15 s to bring five nodes together.
func (c *Config) serf(events chan<- serf.Event) (*serf.Serf, error) {
	var nonce [4]byte
	c.Host.Random(nonce[:])
	ip, port, _ := hostPort(c.Bind) // checked before
	m := memberlist.DefaultLANConfig()
	m.ProbeInterval, m.ProbeTimeout, m.SuspicionMult = 500*time.Millisecond, 250*time.Millisecond, 3
	m.GossipInterval = 100 * time.Millisecond
	m.BindAddr, m.BindPort, m.AdvertisePort = ip.String(), port, 0
	m.Label, m.SecretKey = c.Cluster, c.Key
	m.Logger = log.New(logWriter{c.Log}, "", 0)
	s := serf.DefaultConfig()
	// A node that comes back under its old name at another address would be refused for a day: the nonce makes it
	// another one, and Name stands in the tags.
	s.NodeName = c.Name + "#" + hex.EncodeToString(nonce[:])
	s.Tags = map[string]string{"name": c.Name}
	for k, v := range c.Tags {
		s.Tags[k] = v
	}
	s.MemberlistConfig, s.EventCh, s.Logger = m, events, m.Logger
	s.ReconnectInterval, s.EventBuffer = 2*time.Second, 8192
	s.LeavePropagateDelay = 200 * time.Millisecond
	s.EnableNameConflictResolution, s.DisableCoordinates = false, true
	return serf.Create(s)
}

// A logWriter makes lines of the library's log messages for those who debug it.
type logWriter struct{ log *slog.Logger }

func (w logWriter) Write(line []byte) (int, error) {
	w.log.Debug("gossip", "text", strings.TrimSpace(string(line)))
	return len(line), nil
}

// drain takes events at once, because the library waits until they are taken.
func (n *Node) drain(ctx context.Context, events <-chan serf.Event) {
	for {
		select {
		case <-events:
			n.tell()
		case <-ctx.Done():
			return
		}
	}
}

// rejoin asks seeds that are not in the cluster.
func (n *Node) rejoin(ctx context.Context) {
	for {
		var missing []string
		members := n.Members()
		for _, seed := range n.config.Seeds {
			if !slices.ContainsFunc(members, func(m Member) bool { return m.Alive && m.Address.String() == seed }) {
				missing = append(missing, seed)
			}
		}
		n.join(missing)
		select {
		case <-ctx.Done():
			return
		case <-n.config.Host.Clock.After(rejoinEvery):
		}
	}
}

// join asks seeds to let this node in.
func (n *Node) join(seeds []string) {
	var apart error
	if len(seeds) > 0 {
		if _, err := n.serf.Join(seeds, true); err != nil {
			apart = plain(err)
			n.config.Log.Debug("gossip: seeds do not answer", "reason", apart.Error())
		}
	}
	n.mu.Lock()
	n.apart = apart
	n.mu.Unlock()
	if apart != nil {
		n.tell()
	}
}

// plain is an error of the library in one line.
func plain(err error) error {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if _, list, ok := strings.Cut(text, "occurred: * "); ok {
		text = strings.ReplaceAll(list, " * ", "; ")
	}
	return errors.New(text)
}

// Apart says why a seed did not let this node in when it was asked last; nil if all that were missing did.
func (n *Node) Apart() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.apart
}

// tell has Changed give a value.
func (n *Node) tell() {
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

// Address is where this node gossips.
func (n *Node) Address() netip.AddrPort {
	local := n.serf.LocalMember()
	ip, _ := netip.AddrFromSlice(local.Addr)
	return netip.AddrPortFrom(ip.Unmap(), local.Port)
}

// Members are those that are known, this one too, in the order of their names; of several lives of one the last that
// is alive.
func (n *Node) Members() []Member {
	var all []Member
	for _, m := range n.serf.Members() {
		ip, _ := netip.AddrFromSlice(m.Addr)
		all = append(all, Member{
			Name: m.Tags["name"], Address: netip.AddrPortFrom(ip.Unmap(), m.Port), Tags: m.Tags, Alive: m.Status == serf.StatusAlive,
		})
	}
	slices.SortStableFunc(all, func(a, b Member) int {
		if a.Name == b.Name && a.Alive != b.Alive {
			if a.Alive {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return slices.CompactFunc(all, func(a, b Member) bool { return a.Name == b.Name })
}

// Changed gets a value after members have come, gone or changed, or a seed has not let this node in: once for several
// changes.
func (n *Node) Changed() <-chan struct{} { return n.changed }

// Leave tells the others that this member goes, and ends its gossip.
func (n *Node) Leave() error { return errors.Join(n.serf.Leave(), n.Close()) }

// Close ends the gossip without a word: to the others the member has failed.
func (n *Node) Close() error {
	n.stop()
	err := n.serf.Shutdown()
	n.running.Wait()
	return err
}
