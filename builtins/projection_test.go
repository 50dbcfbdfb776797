package builtins_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine"
)

// eventRows are rows as a file of events may hold them: most alike, some with members that lack, come twice, are
// of other types, or need more than a plain string.
var eventRows = []string{
	`{"id":1,"type":"buy","user":{"id":"u1","tags":["a","b"]},"amount":2.5,"note":"plain"}`,
	`{"id":2,"type":"buy","user":{"id":"u2","tags":[]},"amount":3,"note":"caf\u00e9 \"x\"\n"}`,
	`{"id":3,"type":"see","user":{"id":"u1","tags":["c"]},"note":null}`,
	`{"id":12345678901234567890,"type":"buy","user":{"tags":null},"amount":1e3}`,
	`{ "amount" : -0.0 , "type" : "buy" , "user" : { "id" : "é" } , "extra" : [ { } ] }`,
	`{"id":6,"type":"buy","type":"see","user":{"id":"u1"},"user":{"id":"u3"},"amount":1}`,
	`{"id":7,"type":"buy","user":{"id":"u2","id":7},"amount":true,"\u0061mount":4}`,
	`{"type":"buy","user":{"id":null},"amount":null}`,
}

// oddRows make functions fail that read members of members.
var oddRows = []string{
	`{"id":8,"type":"buy","user":null,"amount":1}`, `{"id":9,"type":"buy","user":"u1","amount":1}`, `{"id":10}`,
	`[1,2]`, `"buy"`, `17`, `null`, `{"type":1,"user":[1],"amount":"x"}`,
}

// traces are everything that a run leaves behind; of one that fails, its error, for how much comes before that
// depends on the executor.
func traces(t *testing.T, script string, files map[string]string, o engine.Options) string {
	t.Helper()
	w := newWorld(t, files, "")
	summary, err := w.run(script, o)
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprintf("%sprinted: %q\n%d written, %d dead\n", w.stdout.String(), w.printed, summary.Written, summary.Dead)
	if summary.Dead > 0 {
		text += w.read(t, "dead.jsonl")
	}
	return text
}

// likeWhole wants every executor to do what the interpreter does with whole records.
func likeWhole(t *testing.T, script string, files map[string]string) {
	t.Helper()
	want := traces(t, script, files, engine.Options{Cores: 1, Kernels: "off"})
	for name, o := range executors {
		if o.Tasks != nil {
			continue // workers decode as everybody else does
		}
		if got := traces(t, script, files, o); got != want {
			t.Errorf("%s: %s\ngot\n%s\nwant\n%s", name, script, got, want)
		}
	}
}

var projectingScripts = []string{
	`job = jsonl("f").filter(lambda r: r["type"] == "buy").map(lambda r: r["amount"])`,
	`job = jsonl("f").map(lambda r: (r["type"], r.get("amount"), r.get("none", 0)))`,
	`job = jsonl("f").map(lambda r: r["user"])`,
	`job = jsonl("f").map(lambda r: (r["user"], r["user"]["id"]))`,
	`job = jsonl("f").map(lambda r: r["user"]["id"])`,
	`job = jsonl("f").map(lambda r: r.get("user", {}).get("id", "nobody"))`,
	`job = jsonl("f").filter(lambda r: "amount" in r and "tags" not in r["user"]).map(lambda r: r["amount"])`,
	`job = jsonl("f").flat_map(lambda r: r["user"].get("tags") or [])`,
	`job = jsonl("f").map(lambda r: r["type"] if r != None else "nothing", on_error = "dead.jsonl")`,
	`job = jsonl("f").map(lambda r: None == r)`,
	`job = jsonl("f").filter(lambda r: r != None and "type" in r, on_error = "dead.jsonl").map(lambda r: r["type"])`,
	`job = jsonl("f").count()`,
	`job = jsonl("f").count(by = "type")`,
	`job = jsonl("f").count(by = ("type", "amount"))`,
	`job = jsonl("f").filter(lambda r: r.get("amount")).sum("amount", by = "type")`,
	`job = jsonl("f").count(by = lambda r: r["user"].get("id"))`,
	`job = jsonl("f").reject(lambda r: r["type"] == "see").sample(0.5, seed = 3).map(lambda r: r["type"])`,
	`job = jsonl("f").partition(lambda r: r["type"], lanes = 3).map(lambda r: r["user"])`,
	`
def known(r):
    print(r["type"])
    return r.get("amount") != None
job = jsonl("f").filter(known).map(lambda r: r["type"])`,
	`
KEY = "type"
def get(r, key): return r[key]
def kind(r): return get(r, "x") if "x" in r else r[KEY]
job = jsonl("f").map(kind)`,
	`job = jsonl("f").map(lambda r: r["user"]["id"], on_error = "dead.jsonl")`,
	`job = jsonl("f").filter(lambda r: r["amount"] > 1, on_error = "dead.jsonl").count(by = lambda r: r["type"])`,
	`job = jsonl("f", on_error = "dead.jsonl").map(lambda r: r.get("none"))`,
	`job = jsonl("f").map("amount", on_error = "dead.jsonl")`,
	`job = jsonl("f").reduce(0, lambda n, r: n + 1)`,
	`job = jsonl("f").reduce(0, lambda n, r: n + 1, by = "type")`,
	`job = jsonl("f").filter(lambda r: r.get("amount")).reduce(0, lambda n, r: n + r["amount"], by = "type")`,
	`job = jsonl("f").reduce([], lambda ids, r: ids + [r["user"]["id"], r.get("id")], by = "type")`,
	`job = jsonl("f").reduce(0, lambda n, r: n + len(r["user"]), by = "type", merge = lambda a, b: a + b)`,
	`job = jsonl("f").partition("type", lanes = 3).reduce(lambda: [], lambda all, r: all + [r["user"]], emit = "state")`,
	`job = jsonl("f").reduce([], lambda all, r: all + [r], by = "type")`,
	`job = jsonl("f").scan(0, lambda n, r: ([(r["type"], n)], n + r.get("amount", 0)), by = "type")`,
	`job = jsonl("f").scan(0, lambda n, r: ([r["user"]], n), on_error = "dead.jsonl")`,
	`job = jsonl("f").scan(0, lambda n, r: (r["type"], n))`,
	`job = jsonl("f").trigger(every = 2).reduce(0, lambda n, r: n + r.get("amount", 0), by = "type")`,
	`job = jsonl("f").trigger(f = lambda s, r: (r["note"], s)).reduce(0, lambda n, r: n + r["amount"])`,
	`job = jsonl("f").window(windows.count(2)).reduce([], lambda ids, r: ids + [r["id"]], by = "type")`,
	`job = jsonl("f").window(windows.fixed("1s", time = "id", lateness = "0s", late = "dead.jsonl")).count(by = "type")`,
	`job = jsonl("f").window(windows.fixed("1s", time = lambda r: r["user"]["at"])).scan(0, lambda n, r: ([r["id"]], n))`,
	`
def initial(): return {}
def from_enumerable(): return jsonl("f")
def partition(r): return r["type"]
def reduce(acc, r):
    acc[r["type"]] = acc.get(r["type"], 0) + r.get("amount", 0)
    return acc`,
	`
def pick(r):
    if r["type"] != "buy":
        return []
    return [(r["user"]["id"], r["amount"])]
job = jsonl("f").flat_map(pick)`,
}

func TestProjectedRecordsGiveTheSameBytes(t *testing.T) {
	files := map[string]string{}
	texts := []string{strings.Join(eventRows, "\n")}
	for _, row := range append(oddRows, `{"id":1,}`, ``) {
		texts = append(texts, strings.Join([]string{eventRows[0], eventRows[1], row, eventRows[0], eventRows[2]}, "\n")+"\n")
	}
	for i, script := range projectingScripts {
		for k, text := range texts {
			if testing.Short() && (i+k)%4 > 0 {
				continue
			}
			files["f"] = text
			likeWhole(t, script, files)
		}
	}
}

func TestProjectedTablesGiveTheSameBytes(t *testing.T) {
	for _, text := range []string{
		"id,type,amount,note\n1,buy,2.5,\"a \"\"b\"\"\"\n2,see,,\n3,buy,1e3,x\n",
		"id,type,amount,note\n1,buy,2.5,a\nx,buy,1,b\n3,buy,2,c\n",
		"id,type,amount,note\n1,buy,2.5,a\n2,buy,none,b\n3,buy,2,c\n",
		"id,type,amount,note\n1,buy,2.5,a\n2,buy,7\n3,buy,2,c\n",
		"id,type,amount,note\n1,buy,2.5,a\n2,buy,\"7\"x,b\n3,buy,2,c\n",
		"id,type,amount,note\n",
		"id,amount,note\n1,2.5,a\n",
	} {
		for _, script := range []string{
			`job = csv("f").map(lambda r: (r["type"], r["amount"]))`,
			`job = csv("f").count(by = "type")`,
			`job = csv("f").count()`,
			`job = csv("f", types = {"id": int, "amount": float}).map(lambda r: r["amount"])`,
			`job = csv("f", types = {"id": int, "amount": float}, on_error = "dead.jsonl").map(lambda r: r["type"])`,
			`job = csv("f", ragged = "pad").map(lambda r: r.get("note"))`,
			`job = csv("f", ragged = "skip").filter(lambda r: r["type"] == "buy").sum(lambda r: float(r["amount"]), by = lambda r: r["type"])`,
			`job = csv("f", columns = ["amount", "type"]).map(lambda r: float(r["amount"]), on_error = "dead.jsonl")`,
			`job = csv("f").map(lambda r: r["none"])`,
		} {
			likeWhole(t, script, map[string]string{"f": text})
		}
	}
}

func TestErrorsShowTheWholeRecord(t *testing.T) {
	whole := `record: {"id": 9, "type": "buy", "user": "u1", "amount": 1}` + "\n  from:   f, byte 86"
	for _, script := range []string{
		`job = jsonl("f").map(lambda r: r["user"]["id"])`,
		`job = jsonl("f").filter(lambda r: r["user"]["id"]).count()`,
		`job = jsonl("f").filter(lambda r: r["type"]).count(by = lambda r: r["user"]["id"])`,
		`job = jsonl("f").reduce(0, lambda n, r: n + len(r["user"]["id"]))`,
		`job = jsonl("f").reduce(0, lambda n, r: n + len(r["user"]["id"]), by = "type")`,
	} {
		everywhere(t, script, map[string]string{"f": eventRows[0] + "\n" + oddRows[1] + "\n" + oddRows[0]}, "", "", whole)
	}
	script := `job = jsonl("FILE").reduce(0, lambda n, r: n + len(r["user"]["id"]), by = "type")`
	files := map[string]string{"a.jsonl": eventRows[0] + "\n" + eventRows[1], "b.jsonl": oddRows[1]}
	everywhere(t, strings.Replace(script, "FILE", "*.jsonl", 1), files, "", "", `"user": "u1", "amount": 1}`+"\n  from:   b.jsonl, byte 0")
	everywhere(t, strings.Replace(script, "FILE", "-", 1), nil, oddRows[1], "", `"user": "u1", "amount": 1}`+"\n  from:   ")
	everywhere(t, `job = jsonl("f").count(by = "none")`, map[string]string{"f": `{"a":1,"none":1}` + "\n" + `{"a":1,"b":2}`}, "", "",
		`record has no field "none" \(it has a, b\)`)
}
