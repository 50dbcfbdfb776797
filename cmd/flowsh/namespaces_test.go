//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A network is a cluster whose nodes are in network namespaces of their own: the master in the first, workers in the others.
type network struct {
	*testing.T
	dir    string // of keys, logs and jobs
	prefix string // of the names of namespaces
	nodes  int
}

const networkMaster = "10.77.0.1:7420"

// newNetwork makes the namespaces, and starts a node in each.
func newNetwork(t *testing.T, nodes int) *network {
	t.Helper()
	n := &network{T: t, dir: t.TempDir(), prefix: fmt.Sprintf("flowsh%d-", os.Getpid()), nodes: nodes}
	t.Cleanup(n.end)
	n.ip("netns", "add", n.space(0))
	n.ip("-n", n.space(0), "link", "add", "hub", "type", "bridge")
	n.ip("-n", n.space(0), "link", "set", "hub", "up")
	for i := 1; i <= nodes; i++ {
		port := fmt.Sprint("port", i)
		n.ip("netns", "add", n.space(i))
		n.ip("link", "add", "name", "eth0", "netns", n.space(i), "type", "veth", "peer", "name", port, "netns", n.space(0))
		n.ip("-n", n.space(0), "link", "set", port, "master", "hub", "up")
		n.ip("-n", n.space(i), "address", "add", fmt.Sprintf("10.77.0.%d/24", i), "dev", "eth0")
		n.ip("-n", n.space(i), "link", "set", "eth0", "up")
		n.ip("-n", n.space(i), "link", "set", "lo", "up")
	}
	n.run(n.in(1, "flowsh", "keygen", "keys"))
	n.start(1, "master", "--listen", networkMaster, "--state", "state")
	n.until("--wait=30s")
	for i := 2; i <= nodes; i++ {
		n.start(i, "worker", "--join", "10.77.0.1:7421", "-j1")
	}
	for i := 2; i <= nodes; i++ {
		n.until(n.name(i))
	}
	return n
}

func (n *network) space(i int) string { return fmt.Sprint(n.prefix, i) }

func (n *network) name(i int) string { return fmt.Sprint("node-", i) }

func (n *network) ip(args ...string) { n.run(exec.Command("ip", args...)) }

// in is a command in the namespace of a node.
func (n *network) in(i int, args ...string) *exec.Cmd {
	cmd := exec.Command("ip", append([]string{"netns", "exec", n.space(i)}, args...)...)
	cmd.Dir = n.dir
	cmd.Env = append(os.Environ(), "TMPDIR="+n.dir, "FLOWSH_MASTER="+networkMaster)
	return cmd
}

// inside has what fails be that of a subtest, until the function is called that it returns.
func (n *network) inside(t *testing.T) func() {
	whole := n.T
	n.T = t
	return func() { n.T = whole }
}

// run runs a command that must succeed, and gives what it prints.
func (n *network) run(cmd *exec.Cmd) string {
	n.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		n.Fatalf("%q: %v: %s", cmd.Args, err, stderr.String())
	}
	return stdout.String()
}

func (n *network) log(i int) string { return filepath.Join(n.dir, n.name(i)+".log") }

// start starts a node, which ends with the test.
func (n *network) start(i int, role string, flags ...string) {
	n.Helper()
	log, err := os.Create(n.log(i))
	if err != nil {
		n.Fatal(err)
	}
	defer log.Close()
	cmd := n.in(i, append([]string{
		"flowsh", role, "--name", n.name(i), "--gossip", fmt.Sprintf("10.77.0.%d:7421", i), "--keys", "keys", "-m256MiB", "--allow-read=/",
	}, flags...)...)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		n.Fatal(err)
	}
	n.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()
		if text, _ := os.ReadFile(n.log(i)); n.Failed() {
			n.Logf("%s:\n%s", n.name(i), text[:min(len(text), 4000)])
		}
	})
}

// until waits until flowsh nodes says a word; a flag of it is passed on.
func (n *network) until(word string) {
	n.Helper()
	args := []string{"flowsh", "nodes", "--keys", "keys"}
	if strings.HasPrefix(word, "-") {
		n.run(n.in(1, append(args, word)...))
		return
	}
	for end := time.Now().Add(time.Minute); !strings.Contains(n.run(n.in(1, append(args, "--wait=30s")...)), word); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			n.Fatalf("%s does not join", word)
		}
	}
}

// loses has every node lose so many percent of what it is sent; 0 ends that.
func (n *network) loses(percent int) {
	n.Helper()
	for i := 1; i <= n.nodes; i++ {
		rules := "flush ruleset\n"
		if percent > 0 {
			rules += fmt.Sprintf("table inet f {\nchain in {\ntype filter hook input priority 0\niif != lo numgen random mod 100 < %d drop\n}\n}\n", percent)
		}
		cmd := n.in(i, "nft", "-f", "-")
		cmd.Stdin = strings.NewReader(rules)
		n.run(cmd)
	}
}

// plug connects a node with the others, or cuts it off.
func (n *network) plug(i int, state string) {
	n.Helper()
	n.ip("-n", n.space(0), "link", "set", fmt.Sprint("port", i), state)
}

// end removes the namespaces.
func (n *network) end() {
	for i := range n.nodes + 1 {
		_ = exec.Command("ip", "netns", "del", n.space(i)).Run() // it may not have been made
	}
}

// lost counts how often the master says that it has lost a worker.
func (n *network) lost() int {
	text, err := os.ReadFile(n.log(1))
	if err != nil {
		n.Fatal(err)
	}
	return strings.Count(string(text), "worker lost")
}

// job starts a job that takes a while, and gives it with what it must print.
func (n *network) job() (job *submitted, want string) {
	n.Helper()
	here := &realCluster{TB: n.T, dir: n.dir}
	args, want := here.work(24, 1000, 1500)
	job = &submitted{Cmd: n.in(1, append([]string{"flowsh", "submit", "-q", "--keys", "keys"}, args...)...)}
	job.Stdout, job.Stderr = &job.stdout, &job.stderr
	if err := job.Start(); err != nil {
		n.Fatal(err)
	}
	return job, want
}

// TestChaosNetwork runs jobs on nodes between which packets are lost, and from which one is cut off for a while.
func TestChaosNetwork(t *testing.T) {
	if os.Getenv("FLOWSH_CHAOS") == "" || os.Geteuid() != 0 {
		t.Skip("make chaos runs it, if root does: it makes network namespaces")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("it makes network namespaces with ip")
	}
	n := newNetwork(t, 4)
	for _, percent := range []int{10, 20} {
		t.Run(fmt.Sprintf("%d percent are lost", percent), func(t *testing.T) {
			if _, err := exec.LookPath("nft"); err != nil {
				t.Skip("packets are lost by nft")
			}
			defer n.inside(t)()
			before := n.lost()
			n.loses(percent)
			defer n.loses(0)
			job, want := n.job()
			job.gives(t, want)
			if lost := n.lost() - before; lost > 0 && percent <= 10 {
				t.Errorf("%d workers were taken for lost", lost)
			}
		})
	}
	t.Run("one is cut off", func(t *testing.T) {
		defer n.inside(t)()
		before, began := n.lost(), time.Now()
		job, want := n.job()
		n.plug(3, "down")
		for n.lost() == before {
			if time.Since(began) > time.Minute {
				t.Fatal("nobody notices")
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Logf("noticed after %v", time.Since(began))
		job.gives(t, want)
		n.plug(3, "up")
		n.until(n.name(3))
		job, want = n.job()
		job.gives(t, want)
	})
}
