package scan

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestShortInt(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, text string) {
		n, ok := ShortInt(text)
		want, err := strconv.ParseInt(text, 10, 64)
		digits := err == nil && text[0] != '-' && text[0] != '+'
		if ok != (digits && len(text) >= 4 && len(text) <= 8) || ok && n != want {
			t.Fatalf("ShortInt(%q) = %d, %v; want %d, %v", text, n, ok, want, err)
		}
	}
	for _, text := range []string{"", "0", "123", "0000", "1234", "99999", "00000000", "12345678", "99999999", "123456789", "-123", "+1234", "12/4", "12:4", "1234567:", "é12", "12\xb34", "    ", "1_000"} {
		check(t, text)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, rapid.StringMatching(`[0-9]{0,9}[ -:]?[0-9]{0,3}`).Draw(t, "text")) })
}
