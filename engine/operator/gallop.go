package operator

// gallop finds the first number from at on, and below n, that is not before what is looked for; n if there is none. It looks
// in steps that double and then halves what is left, for that is mostly near.
func gallop(at, n int32, before func(i int32) bool) int32 {
	step := int32(1)
	for at+step <= n && before(at+step-1) {
		at += step
		step *= 2
	}
	lo, hi := at, min(at+step-1, n)
	for lo < hi {
		if mid := lo + (hi-lo)/2; before(mid) {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}
