package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/cluster"
)

func TestAdmin(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	end, err := new(cli).admin(address, func() []cluster.Metric {
		return []cluster.Metric{{Name: "flowsh_workers", Value: 3}, {Name: `flowsh_chunks_total{event="sent"}`, Value: 7, Counter: true}}
	})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for path, want := range map[string]string{
		"/metrics":               "flowsh_workers 3\nflowsh_chunks_total{event=\"sent\"} 7\n",
		"/debug/pprof/goroutine": "",
	} {
		answer, err := client.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close() // it was read
		if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v %s %s", path, err, answer.Status, text[:min(len(text), 500)])
		}
	}
	end()
	if _, err := client.Get("http://" + address + "/metrics"); err == nil {
		t.Error("it goes on")
	}
}
