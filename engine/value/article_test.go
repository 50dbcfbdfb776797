package value

import "testing"

func TestArticle(t *testing.T) {
	for noun, want := range map[string]string{"int": "an int", "string": "a string", "NoneType": "a NoneType", "": "a "} {
		if got := Article(noun); got != want {
			t.Errorf("%q: got %q, want %q", noun, got, want)
		}
	}
}
