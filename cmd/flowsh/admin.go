package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/flowsh/flowsh/engine/cluster"
)

// admin serves a node's metrics, in Prometheus' form, and its profiles to this machine alone. close ends it; "" serves
// nothing.
func (c *cli) admin(address string, numbers func() []cluster.Metric) (end func(), err error) {
	if address == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		writeMetrics(w, numbers())
	})
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) }) // it ends with the server
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if server.Shutdown(ctx) != nil {
			_ = server.Close() // a profile is being taken
		}
		served.Wait()
	}, nil
}

func writeMetrics(w io.Writer, numbers []cluster.Metric) {
	for _, m := range numbers {
		if m.Counter {
			metrics.WriteCounterUint64(w, m.Name, m.Value)
		} else {
			metrics.WriteGaugeUint64(w, m.Name, m.Value)
		}
	}
	metrics.WriteProcessMetrics(w)
}
