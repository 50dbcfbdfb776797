package builtins_test

import (
	"strings"
	"testing"
)

// documentScripts decode lines themselves, and read members of what they get, or do more with it.
var documentScripts = []string{
	`job = lines("f").map(json.decode).filter(lambda r: r["type"] == "buy").map(lambda r: r["amount"])`,
	`job = lines("f").map(json.decode).map(lambda r: (r["type"], r.get("amount"), r.get("none", 0)))`,
	`job = lines("f").map(json.decode).filter(lambda r: r["type"] == "buy")`,
	`job = lines("f").map(json.decode).count()`,
	`job = lines("f").map(json.decode).count(by = "type")`,
	`job = lines("f").map(json.decode).reduce([], lambda all, r: all + [r["user"]], by = "type")`,
	`job = lines("f").map(json.decode, on_error = "dead.jsonl").map(lambda r: r["user"]["id"], on_error = "dead.jsonl")`,
	`job = lines("f").filter(lambda l: "buy" in l).map(json.decode).map(lambda r: r["type"])`,
	`job = lines("f", origin = True).map(lambda at, l: json.decode(l)["type"])`,
	`job = lines("f").map(lambda l: json.decode(l)["type"])`,
	`job = lines("f").map(lambda l: (json.decode(l)["type"], json.decode(l)["user"]["id"]))`,
	`job = lines("f").map(lambda l: (json.decode(l)["type"], len(l)))`,
	`job = lines("f").map(lambda l: json.decode(l))`,
	`job = lines("f").map(lambda l: json.decode(l).get("user", {}).get("id", "nobody"), on_error = "dead.jsonl")`,
	`
def pick(line):
    r = json.decode(line)
    if r["type"] != "buy":
        return []
    return [(r["user"]["id"], r["amount"])]
job = lines("f").flat_map(pick)`,
	`
def pick(line):
    r = json.decode(line)
    return [(r["type"], r.get("amount", 0))] if "amount" in r else []
job = lines("f").flat_map(pick, on_error = "dead.jsonl").count(by = 0)`,
	`
decode = json.decode
def id(r): return r["user"].get("id")
def pick(line):
    r = json.decode(line)
    print(r["type"])
    return id(r)
job = lines("f").map(pick)`,
	`
def pick(line):
    r = json.decode(line)
    r["type"] = "x"
    return r["type"]
job = lines("f").map(pick)`,
	`
def pick(line):
    r = json.decode(line)
    s = r["user"]
    r = json.decode('{"type": 1}')
    return (r["type"], s)
job = lines("f").map(pick)`,
	`
def pick(line):
    for _ in range(2):
        r = json.decode(line)
        line = '{"type": "other"}'
    return r["type"]
job = lines("f").map(pick)`,
	`
def pick(line):
    r = json.decode(line)
    return [x["type"] for x in [r] if r["type"]]
job = lines("f").flat_map(pick)`,
	`
def pick(line):
    r = json.decode(line)
    return (lambda: r["type"])()
job = lines("f").map(pick)`,
	`
def filter(line): return json.decode(line)["type"] == "buy"
def from_enumerable(): return lines("f")`,
}

func TestDecodedLinesGiveTheSameBytes(t *testing.T) {
	files := map[string]string{}
	texts := []string{strings.Join(eventRows, "\n")}
	deep := `{"type":"buy","user":{"id":1},"x":` + strings.Repeat("[", 1200) + strings.Repeat("]", 1200) + `}`
	for _, row := range append(oddRows, `{"id":1,}`, ``, deep) {
		texts = append(texts, strings.Join([]string{eventRows[0], eventRows[1], row, eventRows[0], eventRows[2]}, "\r\n")+"\n")
	}
	for _, script := range documentScripts {
		for _, text := range texts {
			files["f"] = text
			likeWhole(t, script, files)
		}
	}
}
