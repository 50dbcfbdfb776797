//go:build !unix

package host

// mapPages gives none on this system.
func mapPages(int) []byte { return nil }

func unmapPages([]byte) {}

// reservePages gives none on this system.
func reservePages(int) []byte { return nil }

func usePages([]byte) bool { return false }
