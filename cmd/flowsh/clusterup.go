package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/flowsh/flowsh/engine/transport"
)

// clusterLine are the flags of cluster up.
type clusterLine struct {
	messageFlags `embed:""`
	Workers      int       `short:"n" default:"2"`
	Cores        coreCount `short:"j"` // of each worker; 0: its part of the machine's
	Mem          budget    `short:"m"` // of each worker
	Keys         string    // folder of certificates; "": none are used
	AllowRead    []string  `sep:"none"` // folders; none: all
	AllowWrite   []string  `sep:"none"`
	AllowWebhook []string  // what URLs that jobs may post to begin with; none: all
	dir          string
}

// clusterDir is where the cluster on this machine keeps the numbers of its processes and their logs.
func (c *cli) clusterDir() string {
	return filepath.Join(c.host.FS.TempDir(), fmt.Sprintf("flowsh-cluster-%d", os.Getuid()))
}

// A localCluster is the processes of a cluster on this machine.
type localCluster struct {
	Master    string   `json:"master"`
	Gossip    string   `json:"gossip"` // of the master
	Keys      string   `json:"keys,omitempty"`
	Names     []string `json:"names"`
	Processes []int    `json:"processes"`
}

const (
	stateFile = "cluster.json"
	comeUp    = 15 * time.Second // for a master to listen
	mostLocal = 64               // workers on one machine
)

// cluster starts and ends a cluster on this machine.
func (c *cli) cluster(before, rest []string) error {
	line := new(clusterLine)
	g := newGrammar(line)
	flags, words := g.interspersed(before, rest)
	if err := g.parse(flags); err != nil {
		return err
	}
	line.dir = c.clusterDir()
	if len(words) == 2 && words[0] == "kill" {
		return c.clusterKill(line, words[1])
	}
	if len(words) != 1 {
		return usagef("write flowsh cluster up, down, status or kill NAME")
	}
	switch words[0] {
	case "up":
		return c.clusterUp(line)
	case "down":
		return c.clusterDown(line)
	case "status":
		return c.clusterStatus(line)
	}
	return usagef("cluster %s: there are up, down, status and kill NAME", words[0])
}

// readState finds the cluster that is up on this machine.
func readState(dir string) (*localCluster, error) {
	if err := checkOwn(dir); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return nil, err
	}
	state := new(localCluster)
	return state, json.Unmarshal(text, state)
}

// clusterUp starts a master and workers that go on when this process has ended.
func (c *cli) clusterUp(line *clusterLine) error {
	if line.Workers < 1 || line.Workers > mostLocal {
		return usagef("-n %d: a cluster on one machine has 1 to %d workers", line.Workers, mostLocal)
	}
	if state, err := readState(line.dir); err == nil {
		return usagef("a cluster is up already, its master at %s; flowsh cluster down ends it", state.Master)
	}
	if err := ownFolder(line.dir); err != nil {
		return err
	}
	state := new(localCluster)
	flags, err := c.grants(line)
	if err != nil {
		return err
	}
	webhooks, err := c.webhookFlags(line)
	if err != nil {
		return err
	}
	flags = append(flags, "--gossip", "127.0.0.1:0")
	if line.Keys != "" {
		if _, err := c.credentials(line.Keys, transport.Master); err != nil {
			return err
		}
		if state.Keys, err = filepath.Abs(line.Keys); err != nil {
			return err
		}
		flags = append(flags, "--keys", state.Keys)
	}
	address := filepath.Join(line.dir, "master.address")
	_ = os.Remove(address) // of an earlier cluster
	master, err := c.background(line, state, "master", slices.Concat(flags, webhooks, []string{"--listen", "127.0.0.1:0", "--announce", address, "--state", filepath.Join(line.dir, "state")})...)
	if err != nil {
		return err
	}
	text, err := c.appears(address, master)
	if err != nil {
		_ = state.kill() // it did not come up
		return fmt.Errorf("the master does not start: %w", err)
	}
	state.Master, state.Gossip, _ = strings.Cut(string(text), "\n")
	var workers []*node
	for i := range line.Workers {
		name := fmt.Sprintf("worker-%d", i+1)
		flags := append(slices.Clone(flags), "--join", state.Gossip, fmt.Sprintf("--cores=%d", line.cores()))
		if memory, err := line.Mem.resolve(machineMemory); err == nil && (line.Mem != budget{}) {
			flags = append(flags, fmt.Sprintf("--mem=%d", memory))
		}
		worker, err := c.background(line, state, name, flags...)
		if err != nil {
			return errors.Join(err, state.kill())
		}
		workers = append(workers, worker)
	}
	saved, err := json.Marshal(state)
	if err == nil {
		err = os.WriteFile(filepath.Join(line.dir, stateFile), saved, 0o600)
	}
	if err != nil {
		return errors.Join(err, state.kill())
	}
	if err := c.workersJoin(state, workers); err != nil {
		return fmt.Errorf("the workers do not come up: %w; flowsh cluster down ends what has", err)
	}
	return c.print(fmt.Sprintf("A master and %s run on this machine.\n\n"+
		"  flowsh submit JOB.star                     run a job on them\n"+
		"  flowsh nodes                               list them\n"+
		"  flowsh worker --join %s       add a worker\n"+
		"  flowsh cluster down                        end them\n\n"+
		"Elsewhere on this machine: export FLOWSH_MASTER=%s", counted(line.Workers, "worker"), state.Gossip, state.Master))
}

// workersJoin waits until the master has all workers.
func (c *cli) workersJoin(state *localCluster, workers []*node) error {
	client, err := c.dial(context.Background(), state.Master, state.Keys)
	if err != nil {
		return err
	}
	defer client.Close()
	const step = 10 * time.Millisecond
	for waited := time.Duration(0); waited < comeUp; waited += step {
		nodes, err := client.Nodes()
		if err != nil || len(nodes) > len(workers) {
			return err
		}
		for _, w := range workers {
			if w.over() {
				return w.last()
			}
		}
		<-c.host.Clock.After(step)
	}
	return &downError{"they have not joined; the logs in " + filepath.Dir(workers[0].log) + " say why"}
}

// clusterKill ends a process of the cluster as kill -9 does, to see what becomes of its jobs.
func (c *cli) clusterKill(line *clusterLine, name string) error {
	state, err := readState(line.dir)
	if err != nil {
		return usagef("no cluster is up; flowsh cluster up starts one")
	}
	i := slices.Index(state.Names, name)
	if i < 0 {
		return usagef("the cluster has no %s; it has %s", name, strings.Join(state.Names, ", "))
	}
	p, err := os.FindProcess(state.Processes[i])
	if err != nil {
		return err
	}
	return p.Kill()
}

// cores is how many each worker uses: they share those of this machine.
func (l *clusterLine) cores() int {
	return cmp.Or(int(l.Cores), max(1, runtime.GOMAXPROCS(0)/l.Workers))
}

// grants are the flags that say what jobs may use: all files, unless the command line names folders, for whoever runs
// jobs here is who has started the nodes.
func (c *cli) grants(l *clusterLine) (flags []string, err error) {
	if len(l.AllowRead)+len(l.AllowWrite) == 0 {
		return []string{"--allow-read=/", "--allow-write=/"}, nil
	}
	for flag, dirs := range map[string][]string{"--allow-read": l.AllowRead, "--allow-write": l.AllowWrite} {
		for _, dir := range dirs {
			if err := c.isFolder(flag, dir); err != nil {
				return nil, err
			}
			if dir, err = filepath.Abs(dir); err != nil {
				return nil, err
			}
			flags = append(flags, flag+"="+dir)
		}
	}
	slices.Sort(flags)
	return flags, nil
}

// webhookFlags are the flags that say where jobs may post to: everywhere, unless the command line says otherwise.
func (c *cli) webhookFlags(l *clusterLine) (flags []string, err error) {
	prefixes := l.AllowWebhook
	if len(prefixes) == 0 {
		prefixes = []string{"http://", "https://"}
	}
	for _, prefix := range prefixes {
		flags = append(flags, "--allow-webhook="+prefix)
	}
	_, err = newWebhookGrants(prefixes, c.host.Clock)
	return flags, err
}

// A node is one that runs in the background.
type node struct {
	log   string        // file with what it says
	ended chan struct{} // closed when it has
}

func (n *node) over() bool {
	select {
	case <-n.ended:
		return true
	default:
		return false
	}
}

// A downError says that a node does not come up, or does not stay.
type downError struct{ text string }

func (e *downError) Error() string { return e.text }

// last is what a node has said last.
func (n *node) last() error {
	text, err := os.ReadFile(n.log)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return &downError{strings.TrimPrefix(lines[len(lines)-1], "flowsh: ")}
}

// background starts a node in a session of its own, its messages going to a log file, and what it writes down to the
// cluster's folder, which ends with the cluster. Its name begins with its role.
func (c *cli) background(line *clusterLine, state *localCluster, name string, flags ...string) (*node, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	n := &node{log: filepath.Join(line.dir, name+".log"), ended: make(chan struct{})}
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	role, _, _ := strings.Cut(name, "-")
	cmd := exec.Command(self, append([]string{role, "--name", name}, flags...)...)
	cmd.Stderr, cmd.Env = log, append(os.Environ(), "TMPDIR="+line.dir)
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	state.Names, state.Processes = append(state.Names, name), append(state.Processes, cmd.Process.Pid)
	go func() {
		defer close(n.ended)
		_ = cmd.Wait() // its last words say how
	}()
	return n, nil
}

// appears waits for a file that a node makes.
func (c *cli) appears(path string, n *node) ([]byte, error) {
	const step = 20 * time.Millisecond
	for waited := time.Duration(0); ; waited += step {
		over := n.over()
		text, err := os.ReadFile(path)
		switch {
		case err == nil:
			return text, nil
		case over:
			return nil, n.last()
		case waited > comeUp:
			return nil, &downError{"it does not say where it listens; " + n.log + " may say why"}
		}
		<-c.host.Clock.After(step)
	}
}

// kill ends the processes. One that has ended already is no error.
func (s *localCluster) kill() error {
	var errs []error
	for _, pid := range slices.Backward(s.Processes) {
		p, err := os.FindProcess(pid)
		if err == nil {
			err = p.Kill()
		}
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (c *cli) clusterDown(line *clusterLine) error {
	state, err := readState(line.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return c.print("no cluster is up")
	}
	if err != nil {
		return err
	}
	if err := state.kill(); err != nil {
		return err
	}
	for n := 1; ; n++ { // what ends may still write
		if err := os.RemoveAll(line.dir); err == nil || n == mostRemovals {
			return err
		}
		<-c.host.Clock.After(removeAfter)
	}
}

const (
	mostRemovals = 100
	removeAfter  = 10 * time.Millisecond
)

func (c *cli) clusterStatus(line *clusterLine) error {
	_, err := readState(line.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return c.print("no cluster is up; flowsh cluster up starts one")
	}
	if err != nil {
		return err
	}
	return c.nodes(nil, nil)
}
