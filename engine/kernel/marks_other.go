//go:build !amd64

package kernel

// marksAtOnce is not known here.
func marksAtOnce(string) (spaces, others uint64, ok bool) { return 0, 0, false }
