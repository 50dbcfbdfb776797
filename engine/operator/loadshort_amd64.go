package operator

// loadShort makes the entries of the first texts, which are keys that are strings, up to one that is empty, has more than
// inline bytes, or stands so near to the end of a page that it cannot be read together with what may be behind it. It gives
// how many those are. keys are as many as texts.
//
//go:noescape
func loadShort(keys []entry, texts []string) (n int)
