package operator

import (
	"context"
	"sync"
	"sync/atomic"
)

// concurrently calls work for each number below n, on up to so many goroutines.
func concurrently(goroutines, n int, work func(i int)) {
	var next atomic.Int64
	var running sync.WaitGroup
	for range min(goroutines, n) {
		running.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				work(i)
			}
		})
	}
	running.Wait()
}

// inTurn calls work for each number below n on so many goroutines, and use with what it gave, in order, on the
// caller's. It stops at an error of use or ctx. At most four results for each goroutine wait to be used.
func inTurn[T any](ctx context.Context, goroutines, n int, work func(i int) T, use func(T) error) error {
	ahead := 4 * goroutines
	results := make([]chan T, ahead) // of number i in results[i % ahead]
	for i := range results {
		results[i] = make(chan T, 1)
	}
	tickets := make(chan struct{}, ahead)
	stop := make(chan struct{})
	var next atomic.Int64
	var running sync.WaitGroup
	defer running.Wait()
	defer close(stop)
	for range min(goroutines, n) {
		running.Go(func() {
			for {
				select {
				case tickets <- struct{}{}:
				case <-stop:
					return
				}
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				results[i%ahead] <- work(i)
			}
		})
	}
	for i := range n {
		select {
		case result := <-results[i%ahead]:
			<-tickets
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := use(result); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
