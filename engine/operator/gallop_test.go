package operator

import "testing"

// TestGallop looks for every number of some, from every one before it on.
func TestGallop(t *testing.T) {
	for n := range int32(40) {
		for want := range n + 1 {
			for at := range want + 1 {
				looked := 0
				got := gallop(at, n, func(i int32) bool {
					if i < at || i >= n {
						t.Fatalf("looked at %d of %d from %d on", i, n, at)
					}
					looked++
					return i < want
				})
				if got != want || looked > 11 || got == at && looked > 1 {
					t.Errorf("%d of %d is found as %d from %d on, by looking at %d", want, n, got, at, looked)
				}
			}
		}
	}
}
