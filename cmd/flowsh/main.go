// Command flowsh runs data jobs written in Starlark.
package main

import (
	"os"
	"time"

	"github.com/flowsh/flowsh/engine/host"
	_ "github.com/flowsh/flowsh/engine/host/prefault"
)

func main() {
	surviveClosedPipes()
	os.Exit(Main(os.Args[1:], host.New()))
}

// Main runs the command line args on h and returns the exit status. Results go to h.Stdout, everything else to
// h.Stderr. It may be called more than once, but not concurrently where a flag sets what belongs to the whole
// process (--cores, --mem).
func Main(args []string, h *host.Host) int {
	c := &cli{host: h, console: newConsole(h, messageFlags{Color: "auto"})}
	return c.console.exit(c.dispatch(args))
}

// A cli is one call of the command.
type cli struct {
	host    *host.Host
	console *console
	loading loadBounds
	now     time.Time // at which the job began; zero: now
	hooks   []interceptor
	remote  bool // the job runs on a cluster
}

// loadBounds bound what a script may take while it loads; zero: what the command line says.
type loadBounds struct {
	memory int64 // bytes
	time   time.Duration
}
