package builtins

import "testing"

func TestUsage(t *testing.T) {
	job := load(t, `"""Count words.

    The most frequent ones first.
      As a table.
    """
files = arg("input", default = "books/*.txt", rest = True, help = "what to count")
arg("limit", default = 20, help = "how many")
arg("strict", default = False)
arg("tags", default = ["a", "b"])
arg("order", default = "up", choices = ["up", "down"])
arg("dsn", env = "PG_DSN", secret = True, help = "where to")
fail("never reached by --help? it is, and does not matter")
`, options("--help", "--limit", "3"))
	if !job.Help || job.Program != nil {
		t.Errorf("help %v, program %v", job.Help, job.Program)
	}
	const want = `Count words.

The most frequent ones first.
  As a table.

Usage: flowsh job.star [flags] [INPUT ...]

INPUT: what to count (default books/*.txt)

Flags:
  --limit INT      how many (default 20)
  --[no-]strict    (default False)
  --tags STR ...   (default a b)
  --order up|down  (default up)
  --dsn STR        where to ($PG_DSN, required)

flowsh's own flags may follow the script too: flowsh --help
`
	if got := Usage(job); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestUsageOfAPlainJob(t *testing.T) {
	job := load(t, "def filter(line): return True", options("-h"))
	const want = "Usage: flowsh job.star [FILE ...]\n\nflowsh's own flags may follow the script too: flowsh --help\n"
	if got := Usage(job); got != want {
		t.Errorf("got %q", got)
	}
}
