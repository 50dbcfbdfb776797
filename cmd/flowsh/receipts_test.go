package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/flowsh/flowsh/engine/cluster"
)

func TestReceiptPrinter(t *testing.T) {
	receipts := []cluster.Receipt{
		{Kind: cluster.ReceiptDistributed, Chunk: "0.0.0"},
		{Kind: cluster.ReceiptDistributed, Chunk: "0.0.1"},
		{Kind: cluster.ReceiptSent, Chunk: "0.0.0", Attempt: 1, Node: "a"},
		{Kind: cluster.ReceiptSent, Chunk: "0.0.1", Attempt: 1, Node: "b"},
		{Kind: cluster.ReceiptAggregated, Chunk: "0.0.0"},
		{Kind: cluster.ReceiptRetried, Chunk: "0.0.1", Attempt: 2, Node: "a", Reason: "the worker is lost"},
	}
	open := new(openChunks)
	for _, r := range receipts {
		if err := open.note(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		printer receiptPrinter
		want    string // event and chunk of each line
	}{
		{receiptPrinter{}, "EVENT CHUNK|distributed 0.0.0|distributed 0.0.1|sent 0.0.0|sent 0.0.1|aggregated 0.0.0|retried 0.0.1"},
		{receiptPrinter{open: open}, "EVENT CHUNK|distributed 0.0.1|sent 0.0.1|retried 0.0.1"},
		{receiptPrinter{of: "a"}, "EVENT CHUNK|sent 0.0.0|retried 0.0.1"},
		{receiptPrinter{of: "0.0.0"}, "EVENT CHUNK|distributed 0.0.0|sent 0.0.0|aggregated 0.0.0"},
		{receiptPrinter{of: "c"}, ""},
	} {
		var out bytes.Buffer
		c.printer.out = &out
		for _, r := range receipts {
			if err := c.printer.print(r); err != nil {
				t.Fatal(err)
			}
		}
		var lines []string
		for line := range strings.Lines(out.String()) {
			words := strings.Fields(line)
			lines = append(lines, words[1]+" "+words[2])
		}
		if got := strings.Join(lines, "|"); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// What is known of a million open chunks takes a byte for each.
func TestOpenChunksAreSmall(t *testing.T) {
	open := new(openChunks)
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprintf("0.2.%d", i*1000)
	}
	allocated := testing.AllocsPerRun(1, func() {
		for _, name := range names {
			_ = open.note(cluster.Receipt{Kind: cluster.ReceiptDistributed, Chunk: name}) // it fails never
		}
	})
	if n := len(open.stages[[2]int{0, 2}]); n != 999_001 || allocated > 20_000 {
		t.Errorf("%d bytes, %v allocations", n, allocated)
	}
	for _, name := range []string{"", "1", "0.0.-1", "0.0.99999999999", "a.b.c"} {
		if err := open.note(cluster.Receipt{Chunk: name}); err != nil || open.has(name) {
			t.Errorf("%q is a chunk", name)
		}
	}
}
