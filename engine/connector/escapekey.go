package connector

import "unicode/utf8"

// escapeKey makes the text of a key fit to be a part of a path, and no two texts the same. Percent-encoded are
// slashes of both kinds, control bytes, bytes that are not UTF-8, the percent sign, and a dot at the beginning or
// after a dot, so that no key climbs to another folder or hides its file. The empty key is "%".
func escapeKey(key string) string {
	if key == "" {
		return "%"
	}
	var out []byte
	for i := 0; i < len(key); {
		r, size := utf8.DecodeRuneInString(key[i:])
		if mustEscape(key, i, r, size) {
			b := key[i]
			out = append(out, '%', upperHex[b>>4], upperHex[b&15])
			size = 1
		} else {
			out = append(out, key[i:i+size]...)
		}
		i += size
	}
	return string(out)
}

const upperHex = "0123456789ABCDEF"

func mustEscape(key string, i int, r rune, size int) bool {
	switch {
	case r < ' ' || r == 0x7f || r == '/' || r == '\\' || r == '%':
		return true
	case r == utf8.RuneError && size == 1:
		return true
	}
	return r == '.' && (i == 0 || key[i-1] == '.')
}
