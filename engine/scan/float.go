package scan

import "strconv"

// Powers of ten that a float64 holds exactly, as many as a short decimal has places.
var powersOfTen = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// ParseFloat is strconv.ParseFloat(text, 64). For up to 15 digits with a point and a sign, which both stand for
// exact float64 values, it is one division (Clinger 1990).
func ParseFloat(text string) (float64, error) {
	const digits = 15
	if len(text) > digits+2 {
		return strconv.ParseFloat(text, 64)
	}
	i := 0
	if text != "" && text[0] == '-' {
		i = 1
	}
	first, point, n := i, -1, uint64(0)
	for ; i < len(text); i++ {
		switch b := text[i]; {
		case isDigit(b):
			n = n*10 + uint64(b-'0')
		case b == '.' && point < 0:
			point = i
		default:
			return strconv.ParseFloat(text, 64)
		}
	}
	places, count := 0, len(text)-first
	if point >= 0 {
		places, count = len(text)-point-1, count-1
	}
	if count == 0 || count > digits {
		return strconv.ParseFloat(text, 64)
	}
	x := float64(n) / powersOfTen[places]
	if first == 1 {
		x = -x
	}
	return x, nil
}
