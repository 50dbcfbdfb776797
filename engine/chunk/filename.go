package chunk

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// FileName is the name of a file as messages show it: as it is, or quoted where it holds what a terminal would act
// upon or could not show.
func FileName(name string) string {
	hidden := func(r rune) bool { return r == utf8.RuneError || !unicode.IsGraphic(r) }
	if strings.ContainsFunc(name, hidden) {
		return strconv.Quote(name)
	}
	return name
}
