package value

import "strings"

// Article is a noun, such as the name of a type, with its article: a str, an int.
func Article(noun string) string {
	if noun != "" && strings.Contains("aeiou", noun[:1]) {
		return "an " + noun
	}
	return "a " + noun
}
