package scan

import "strconv"

// Powers of ten that a float64 holds exactly, as many as a short decimal has places.
var powersOfTen = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// ParseFloat is strconv.ParseFloat(text, 64).
func ParseFloat(text string) (float64, error) {
	if x, ok := ShortFloat(text); ok {
		return x, nil
	}
	return strconv.ParseFloat(text, 64)
}

// ShortFloat is the value of up to 15 digits with a point and a sign: both the digits and the power of ten stand for
// exact float64 values, so it is one division (Clinger 1990). ok is false for all other texts.
func ShortFloat(text string) (x float64, ok bool) {
	if n, places, ok := shortDecimals(text); ok {
		return float64(int64(n)) / powersOfTen[places&15], true
	}
	const digits = 15
	if len(text) == 0 || len(text) > digits+2 {
		return 0, false
	}
	first := 0
	if text[0] == '-' {
		first = 1
	}
	point, n := -1, uint64(0)
	for i := first; i < len(text); i++ {
		d := uint64(text[i] - '0')
		if d > 9 {
			if text[i] != '.' || point >= 0 {
				return 0, false
			}
			point = i
			continue
		}
		n = n*10 + d
	}
	places, count := 0, len(text)-first
	if point >= 0 {
		places, count = len(text)-point-1, count-1
	}
	if count == 0 || count > digits {
		return 0, false
	}
	x = float64(int64(n)) / powersOfTen[places]
	if first == 1 {
		x = -x
	}
	return x, true
}
