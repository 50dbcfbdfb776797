//go:build !unix

package host

// mapPages gives none on this system.
func mapPages(int) []byte { return nil }

func unmapPages([]byte) {}
