package chunk

import "testing"

func TestFileName(t *testing.T) {
	for name, want := range map[string]string{
		"": "", "a b/ñ[1].txt": "a b/ñ[1].txt", "new\nline": `"new\nline"`, "\x1b[31mred": `"\x1b[31mred"`, "bad\xff": `"bad\xff"`,
	} {
		if got := FileName(name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}
