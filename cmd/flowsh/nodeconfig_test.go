package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/host"
	"github.com/flowsh/flowsh/engine/transport"
)

func TestNodeSettings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "node.toml")
	text := "name = 'n'\nmem = '1GiB'\nallow-read = ['/a', '/b']\njobs = 3\n[master]\nlisten = '127.0.0.1:1'\nallow-webhook = ['https://a', 'https://b']\n[worker]\njoin = '127.0.0.1:2'\nquiet = true\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h := host.New()
	h.LookupEnv = func(name string) (string, bool) {
		text, ok := map[string]string{"FLOWSH_MEM": "2GiB", "FLOWSH_JOIN": "127.0.0.1:3", "FLOWSH_ALLOW_WRITE": "/c:/d"}[name]
		return text, ok
	}
	c := &cli{host: h}
	line := new(workerLine)
	words, err := c.settle(newGrammar(line), []string{"--config", file, "-j3", "--join=127.0.0.1:4"}, transport.Worker)
	if err != nil {
		t.Fatal(err)
	}
	if err := newGrammar(line).parse(words); err != nil {
		t.Fatal(err)
	}
	if line.Name != "n" || line.Mem.bytes != 2<<30 || line.Join != "127.0.0.1:4" || line.Jobs != 3 || line.Cores != 3 || !line.Quiet ||
		!slices.Equal(line.AllowRead, []string{"/a", "/b"}) || !slices.Equal(line.AllowWrite, []string{"/c", "/d"}) {
		t.Errorf("%+v of %q", line, words)
	}
	master := new(masterLine)
	words, err = c.settle(newGrammar(master), []string{"--config=" + file}, transport.Master)
	if err != nil {
		t.Fatal(err)
	}
	if err := newGrammar(master).parse(words); err != nil || master.Listen != "127.0.0.1:1" || master.Quiet || !slices.Equal(master.AllowWebhook, []string{"https://a", "https://b"}) {
		t.Errorf("%+v of %q: %v", master, words, err)
	}
	h.LookupEnv = func(name string) (string, bool) { return "http://c:80,http://d", name == "FLOWSH_ALLOW_WEBHOOK" }
	master = new(masterLine)
	if words, err = c.settle(newGrammar(master), []string{"--config=" + file}, transport.Master); err != nil {
		t.Fatal(err)
	}
	if err := newGrammar(master).parse(words); err != nil || !slices.Equal(master.AllowWebhook, []string{"http://c:80", "http://d"}) {
		t.Errorf("%+v of %q: %v", master, words, err)
	}
}

func TestNodeSettingsThatAreWrong(t *testing.T) {
	for text, want := range map[string]string{
		"nam = 'x'":                "unknown key nam; did you mean name?",
		"[worker]\nlisten = 'x:1'": "unknown key listen",
		"[workers]\nname = 'x'":    "unknown key workers",
		"name = 1.5":               "name is 1.5: write a text",
		"name = [[1]]":             "write a text",
		"name = ":                  "toml:",
	} {
		file := filepath.Join(t.TempDir(), "node.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := &cli{host: host.New()}
		_, err := c.settle(newGrammar(new(workerLine)), []string{"--config", file}, transport.Worker)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %q", text, err, want)
		}
	}
}
