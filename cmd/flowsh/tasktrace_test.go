package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowsh/flowsh/engine/cluster"
)

// TestTaskTrace tests what the receipts of two workers look like, one of which is lost: tasks at the same time stand on
// threads of their own.
func TestTaskTrace(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	path := filepath.Join(t.TempDir(), "trace.json")
	trace, err := newTaskTrace(path, began)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range []cluster.Receipt{
		{Kind: cluster.ReceiptDistributed, Chunk: "0.0.0"},
		{Kind: cluster.ReceiptSent, Chunk: "0.0.0", Attempt: 1, Node: "w1"},
		{Kind: cluster.ReceiptSent, Chunk: "0.0.1", Attempt: 1, Node: "w1"},
		{Kind: cluster.ReceiptProcessed, Chunk: "0.0.0", Attempt: 1, Node: "w1", Bytes: 7},
		{Kind: cluster.ReceiptReturned, Chunk: "0.0.0", Attempt: 1, Node: "w1", Bytes: 7},
		{Kind: cluster.ReceiptReceived, Chunk: "0.0.0", Attempt: 1, Node: "w1", Bytes: 7},
		{Kind: cluster.ReceiptFailed, Chunk: "0.0.1", Attempt: 1, Node: "w1", Reason: "lost"},
		{Kind: cluster.ReceiptRetried, Chunk: "0.0.1", Attempt: 2, Node: "w2"},
		{Kind: cluster.ReceiptProcessed, Chunk: "0.0.1", Attempt: 2, Node: "w2"},
		{Kind: cluster.ReceiptProcessed, Chunk: "0.0.1", Attempt: 9, Node: "w3"},
	} {
		r.At = began.Add(time.Duration(i) * time.Millisecond)
		if err := trace.receipt(r); err != nil {
			t.Fatal(err)
		}
	}
	trace.close(nil)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var events []traceEvent
	if err := json.Unmarshal(text, &events); err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, e := range events {
		fmt.Fprintln(&got, e.Phase, e.Name, e.Begin, e.Duration, e.Process, e.Thread, e.Args)
	}
	const want = `M process_name 0 0 0 0 map[name:w1]
X 0.0.0 1000 2000 0 0 map[attempt:1 bytes:7]
M process_name 0 0 1 0 map[name:head]
X 0.0.0 4000 1000 1 0 map[attempt:1 bytes:7]
X 0.0.1 2000 4000 0 1 map[attempt:1 bytes:0 reason:lost]
M process_name 0 0 2 0 map[name:w2]
X 0.0.1 7000 1000 2 0 map[attempt:2 bytes:0]
`
	if got.String() != want {
		t.Errorf("got\n%s", &got)
	}
}
