package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/flowsh/flowsh/engine/cluster"
	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/transport"
	"github.com/flowsh/flowsh/gossip"
	"github.com/flowsh/flowsh/spill"
)

const (
	defaultMaster = "127.0.0.1:7420"
	gossipKey     = "gossip.key"
)

// nodeFlags are those of the agents.
type nodeFlags struct {
	Name   string
	Keys   string    // folder of certificates; "": only loopback
	Gossip string    // address to gossip at
	Join   string    // addresses of members' gossip, separated by commas
	Cores  coreCount `short:"j"`
	Mem    budget    `short:"m"`   // of the node, for all jobs
	Jobs   int       `default:"2"` // at a time: they share the memory
	// DataPorts are where executors are dialled by the heads of their jobs; none: any.
	DataPorts portRange
	Admin     string // loopback address of metrics and profiles; "": none
	Config    string // TOML file with more of these flags
	// Folders that jobs may use.
	AllowRead, AllowWrite []string `sep:"none"`
}

type masterLine struct {
	messageFlags `embed:""`
	nodeFlags    `embed:""`
	Listen       string   `default:"127.0.0.1:7420"`
	Works        bool     // the node does tasks too
	Announce     string   // file that gets the addresses
	State        string   // folder of the queue of jobs; "": the queue ends with the master
	AllowWebhook []string // what URLs that jobs may post to begin with
}

type workerLine struct {
	messageFlags `embed:""`
	nodeFlags    `embed:""`
}

type clientLine struct {
	messageFlags `embed:""`
	Master       string
	Keys         string
	Wait         period // for a master that does not answer
}

// agent makes what masters and workers have in common.
func (c *cli) agent(f nodeFlags, m messageFlags, role transport.Role) (agent cluster.Agent, end func(), err error) {
	if f.Admin != "" && !transport.Loopback(f.Admin) {
		return agent, nil, usagef("--admin %s: only loopback, such as 127.0.0.1:7422: whoever reaches it sees all that the node does", f.Admin)
	}
	credentials, err := c.credentials(f.Keys, role)
	if err != nil {
		return agent, nil, err
	}
	memory, err := f.Mem.resolve(machineMemory)
	if err != nil {
		return agent, nil, err
	}
	if f.Jobs < 1 || memory/int64(f.Jobs) < minMemory {
		return agent, nil, usagef("--jobs %d: a node takes at least one job at a time, and each needs 16MiB of its --mem of %d bytes", f.Jobs, memory)
	}
	flags := []string{fmt.Sprintf("--cores=%d", f.cores()), fmt.Sprintf("--mem=%d", memory/int64(f.Jobs)), "--data-ports=" + f.DataPorts.String()}
	flags = append(flags, "--data="+dataHost(f.Gossip, credentials))
	for what, dirs := range map[string][]string{"read": f.AllowRead, "write": f.AllowWrite} {
		for _, dir := range dirs {
			if err := c.isFolder("--allow-"+what, dir); err != nil {
				return agent, nil, err
			}
			folder, err := host.NewFolder(dir)
			if err != nil {
				return agent, nil, err
			}
			flags = append(flags, "--allow-"+what+"="+folder.Name, "--real-"+what+"="+folder.Real)
		}
	}
	name := f.Name
	if name == "" {
		hostname, err := os.Hostname()
		if err != nil {
			hostname = "node"
		}
		name = fmt.Sprintf("%s-%s-%d", role, hostname, os.Getpid())
	}
	returns, outputs := "", ""
	if role == transport.Worker {
		returns = f.Name
	}
	folder, release, err := nodeFolder(c.host.FS.TempDir(), returns)
	if err != nil {
		return agent, nil, err
	}
	if role == transport.Worker {
		outputs = filepath.Join(folder, outputsFolder)
		if err := os.MkdirAll(outputs, 0o700); err != nil {
			release()
			return agent, nil, fmt.Errorf("make a folder for outputs: %w", err)
		}
		flags = append(flags, "--outputs="+outputs)
	}
	spawner := &spawner{start: func() (*process, error) { return c.launch(folder, memory/int64(f.Jobs), flags...) }}
	go spawner.refill()
	return cluster.Agent{
		Name: name, Version: versionText(), Host: c.host, Network: transport.TCP{}, Credentials: credentials,
		Outputs: outputs, Spawn: spawner.spawn, Leases: cluster.NewLeases(f.Jobs), Log: c.nodeLog(m),
	}, func() { spawner.close(); release() }, nil
}

// dataHost is where the executors of a node are dialled by the heads of their jobs: at the interface at which the node
// gossips, and without keys at none but loopback; "" stands for all.
func dataHost(gossip string, c *transport.Credentials) string {
	if c == nil {
		return "127.0.0.1"
	}
	host, _, _ := net.SplitHostPort(gossip) // who gossips tests it
	return host
}

// nodeLog is where a node says what happens: with --verbose also what becomes of each task.
func (c *cli) nodeLog(m messageFlags) *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	switch {
	case m.Quiet:
		o.Level = slog.LevelError
	case m.Verbose:
		o.Level = slog.LevelDebug
	}
	if m.JSON {
		return slog.New(slog.NewJSONHandler(c.host.Stderr, o))
	}
	return slog.New(slog.NewTextHandler(c.host.Stderr, o))
}

// leaveCores leaves the node's cores to executors but for one, which is enough for a process that passes things on, and
// returns how to give them back.
func (f *nodeFlags) leaveCores() (restore func()) {
	f.Cores = coreCount(f.cores())
	return limitCores(1)
}

func (f nodeFlags) cores() int { return cmp.Or(int(f.Cores), runtime.GOMAXPROCS(0)) }

// credentials reads the keys of a role; nil without a folder.
func (c *cli) credentials(dir string, role transport.Role) (*transport.Credentials, error) {
	if dir == "" {
		return nil, nil
	}
	var texts [3][]byte
	for i, name := range []string{"authority.crt", string(role) + ".crt", string(role) + ".key"} {
		var err error
		if texts[i], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			return nil, usagef("--keys %s: %v; flowsh keygen makes keys", dir, err)
		}
	}
	k, err := transport.NewCredentials(texts[0], texts[1], texts[2], c.host.Clock.Now)
	if err != nil {
		return nil, usagef("--keys %s: %v", dir, err)
	}
	return k, nil
}

// master runs the agent of a master until it is interrupted.
func (c *cli) master(before, rest []string) error {
	line := new(masterLine)
	words, err := c.settle(newGrammar(line), slices.Concat(before, rest), transport.Master)
	if err != nil {
		return err
	}
	if err := newGrammar(line).parse(words); err != nil {
		return err
	}
	webhooks, err := newWebhookGrants(line.AllowWebhook, c.host.Clock)
	if err != nil {
		return err
	}
	defer line.leaveCores()()
	if line.Works {
		if err := line.Mem.halve(); err != nil { // the worker has the other half
			return err
		}
	}
	agent, end, err := c.agent(line.nodeFlags, line.messageFlags, transport.Master)
	if err != nil {
		return err
	}
	defer end()
	if err := transport.Guard(line.Listen, agent.Credentials); err != nil {
		return usagef("%v", err)
	}
	listener, err := agent.Network.Listen(line.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	members, address, err := c.gossip(agent, line.nodeFlags, cmp.Or(line.Gossip, sameHost(line.Listen)), transport.Master, listener.Addr())
	if err != nil {
		return err
	}
	defer func() { _ = members.Leave() }() // the others notice, sooner or later
	agent.Log.Info("master", "address", address, "add workers by", "flowsh worker --join "+members.Address().String())
	if line.Announce != "" {
		if err := announce(line.Announce, address+"\n"+members.Address().String()); err != nil {
			return err
		}
	}
	state, release, err := c.masterState(line.State)
	if err != nil {
		return err
	}
	defer release()
	m, err := cluster.NewMaster(cluster.MasterConfig{
		Agent: agent, Dir: state, Parallel: line.Jobs,
		End: func(err error) cluster.End { return c.ending(nil, err) }, Webhooks: webhooks,
	})
	if err != nil {
		return err
	}
	endAdmin, err := c.admin(line.Admin, m.Metrics)
	if err != nil {
		return err
	}
	defer endAdmin()
	ctx, stop := interruptible(c.host.Clock, os.Exit)
	defer stop()
	ctx, unwatch := oneMaster(ctx, agent, members, address)
	defer unwatch()
	if line.Works {
		endWork, err := c.workBeside(ctx, line, agent.Name, address)
		if err != nil {
			return err
		}
		defer endWork()
	}
	return m.Serve(ctx, listener)
}

// workBeside runs a worker in the process of its master.
func (c *cli) workBeside(ctx context.Context, line *masterLine, master, address string) (end func(), err error) {
	flags := line.nodeFlags
	flags.Name, flags.Gossip = master+"-worker", cmp.Or(flags.Gossip, sameHost(line.Listen))
	agent, end, err := c.agent(flags, line.messageFlags, transport.Worker)
	if err != nil {
		return nil, err
	}
	w := &cluster.WorkerAgent{Agent: agent, Slots: 1, Master: func(context.Context) (string, error) { return address, nil }}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := w.Run(ctx); ctx.Err() == nil {
			agent.Log.Info("the master's own worker has left", "reason", err.Error())
		}
	}()
	return func() {
		cancel()
		<-done
		end()
	}, nil
}

// masterState is the folder of a master's state, which no other master may use: one that goes with this process if none
// is named.
func (c *cli) masterState(dir string) (state string, release func(), err error) {
	if dir == "" {
		return nodeFolder(c.host.FS.TempDir(), "")
	}
	if err := ownFolder(dir); err != nil {
		return "", nil, err
	}
	unlock, err := spill.Lock(dir)
	if errors.Is(err, spill.ErrInUse) {
		err = usagef("--state %s: another master runs with this folder; a cluster has one master", dir)
	}
	return dir, unlock, err
}

// sameHost is an address at the same host with any port.
func sameHost(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return net.JoinHostPort(host, "0")
}

// announce writes addresses to a file, whole or not at all.
func announce(path, addresses string) error {
	if err := os.WriteFile(path+".new", []byte(addresses), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// worker runs the agent of a worker until it is interrupted.
func (c *cli) worker(before, rest []string) error {
	line := new(workerLine)
	words, err := c.settle(newGrammar(line), slices.Concat(before, rest), transport.Worker)
	if err != nil {
		return err
	}
	if err := newGrammar(line).parse(words); err != nil {
		return err
	}
	if line.Join == "" {
		return usagef("which cluster? Write flowsh worker --join HOST:PORT, the address at which any member gossips")
	}
	defer line.leaveCores()()
	agent, end, err := c.agent(line.nodeFlags, line.messageFlags, transport.Worker)
	if err != nil {
		return err
	}
	defer end()
	bind := "127.0.0.1:0"
	if agent.Credentials != nil {
		bind = ":0"
	}
	members, _, err := c.gossip(agent, line.nodeFlags, cmp.Or(line.Gossip, bind), transport.Worker, nil)
	if err != nil {
		return err
	}
	defer func() { _ = members.Leave() }() // the others notice, sooner or later
	signalled, stop := interruptibleWithin(drainTime, c.host.Clock, os.Exit)
	defer stop()
	w := &cluster.WorkerAgent{Agent: agent, Slots: 1, Master: func(context.Context) (string, error) { return masterOf(members) }}
	endAdmin, err := c.admin(line.Admin, w.Metrics)
	if err != nil {
		return err
	}
	defer endAdmin()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	defer context.AfterFunc(signalled, func() {
		agent.Log.Info("leaving when what runs here is done; once more ends it at once")
		if w.Drain() != nil { // there is nobody to leave
			cancel(context.Cause(signalled))
		}
	})()
	if err := w.Run(ctx); !errors.Is(err, cluster.ErrDrained) {
		return err
	}
	return nil
}

// drainTime is how long a worker may take to finish what it has when it is interrupted.
const drainTime = 10 * time.Second

// drain has a worker leave its cluster.
func (c *cli) drain(before, rest []string) error {
	return c.asClient(before, rest, func(_ context.Context, client *cluster.Client, words []string) error {
		if len(words) != 1 {
			return usagef("write flowsh drain NAME, the name of a worker; flowsh nodes lists them")
		}
		nodes, err := client.Nodes()
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(nodes, func(n cluster.Node) bool { return n.Name == words[0] && n.Role == string(transport.Worker) }) {
			return usagef("no worker is called %s; flowsh nodes lists them", words[0])
		}
		return client.Drain(words[0])
	})
}

// clusterName keeps clusters of other programs apart that share a network.
const clusterName = "flowsh"

// gossip makes this node a member. A master also says where it listens: address.
func (c *cli) gossip(a cluster.Agent, f nodeFlags, bind string, role transport.Role, listens net.Addr) (members *gossip.Node, address string, err error) {
	config := gossip.Config{
		Name: a.Name, Cluster: clusterName, Bind: bind, Host: c.host, Log: a.Log, Tags: map[string]string{"role": string(role)},
	}
	if f.Keys != "" {
		if config.Key, err = os.ReadFile(filepath.Join(f.Keys, gossipKey)); err != nil {
			return nil, "", usagef("--keys %s: %v; flowsh keygen makes keys", f.Keys, err)
		}
	}
	if f.Join != "" {
		config.Seeds = strings.Split(f.Join, ",")
	}
	if listens != nil {
		address = listens.String()
		config.Tags["control"], config.Tags[beganTag] = address, beganText(c.host.Clock.Now())
	}
	if members, err = gossip.Start(config); err != nil {
		return nil, "", usagef("%v", err)
	}
	return members, address, nil
}

// masterOf is where the master listens, as far as this member knows.
func masterOf(members *gossip.Node) (string, error) {
	for _, m := range members.Members() {
		if !m.Alive || m.Tags["role"] != string(transport.Master) {
			continue
		}
		return controlOf(m)
	}
	if err := members.Apart(); err != nil {
		return "", fmt.Errorf("no master is in the cluster: %w", err)
	}
	return "", errors.New("no master is in the cluster")
}

// controlOf is where a member listens that is a master.
func controlOf(m gossip.Member) (string, error) {
	host, port, err := net.SplitHostPort(m.Tags["control"])
	if err != nil {
		return "", fmt.Errorf("the master %s does not say where it listens", m.Name)
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = m.Address.Addr().String()
	}
	return net.JoinHostPort(host, port), nil
}

// nodes lists the members of a cluster.
func (c *cli) nodes(before, rest []string) error {
	line := new(clientLine)
	if err := newGrammar(line).parse(slices.Concat(before, rest)); err != nil {
		return err
	}
	ctx, stop := interruptible(c.host.Clock, os.Exit)
	defer stop()
	client, err := c.connect(ctx, line)
	if err != nil {
		return err
	}
	defer client.Close()
	nodes, err := client.Nodes()
	if err != nil {
		return err
	}
	return c.listNodes(nodes, line.JSON)
}

func (c *cli) listNodes(nodes []cluster.Node, asJSON bool) error {
	var b strings.Builder
	if asJSON {
		for _, n := range nodes {
			text, err := json.Marshal(n)
			if err != nil {
				return err
			}
			b.Write(append(text, '\n'))
		}
		return c.print(b.String())
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tROLE\tTASKS AT A TIME")
	for _, n := range nodes {
		tasks := "-"
		if n.Cores > 0 {
			tasks = fmt.Sprint(n.Cores)
		}
		if n.Drains {
			tasks = "leaves"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", n.Name, n.Role, tasks)
	}
	_ = w.Flush() // a Builder takes everything
	return c.print(b.String())
}

// keygen makes the keys of a cluster in a folder.
func (c *cli) keygen(before, rest []string) error {
	line := new(plainLine)
	g := newGrammar(line)
	more, rest := g.split(rest)
	if err := g.parse(slices.Concat(before, more)); err != nil {
		return err
	}
	if len(rest) != 1 {
		return usagef("write flowsh keygen DIR: the folder is made, and gets the keys of a new cluster")
	}
	dir := rest[0]
	if _, err := os.Stat(filepath.Join(dir, "authority.crt")); !errors.Is(err, fs.ErrNotExist) {
		return usagef("%s has keys already: remove them first, or name another folder", dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	now := c.host.Clock.Now()
	authority, err := transport.NewAuthority(filepath.Base(dir), now)
	if err != nil {
		return err
	}
	secret := make([]byte, 32)
	c.host.Random(secret)
	files := map[string][]byte{"authority.crt": authority.PEM(), gossipKey: secret}
	for _, role := range []transport.Role{transport.Master, transport.Worker, transport.User} {
		certificate, key, err := authority.Issue(role, now)
		if err != nil {
			return err
		}
		files[string(role)+".crt"], files[string(role)+".key"] = certificate, key
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return c.print(fmt.Sprintf("%s holds the keys of a cluster. Give each node authority.crt, gossip.key and the two files of its role, "+
		"and start it with --keys. Whoever has client.key can run jobs.\n", dir))
}
