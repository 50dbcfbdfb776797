package builtins

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/syntax"
)

// Masked stands where a secret was.
const Masked = "***"

// A Mask hides secrets in text for people: as they are, and as Starlark, Go and JSON quote them. The nil Mask hides nothing.
// It is safe for concurrent use.
type Mask struct{ replacer *strings.Replacer }

// NewMask makes a mask of the values of secrets. Empty ones are none.
func NewMask(secrets []string) *Mask {
	var forms []string
	for _, secret := range secrets {
		for _, plain := range []string{secret, inner(syntax.Quote(secret, false)), inner(strconv.Quote(secret)), inJSON(secret)} {
			forms = append(forms, plain, inJSON(plain))
		}
	}
	forms = slices.DeleteFunc(forms, func(s string) bool { return s == "" })
	// The longest first: one secret may begin as another does.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	if forms = slices.Compact(forms); len(forms) == 0 {
		return nil
	}
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, Masked)
	}
	return &Mask{strings.NewReplacer(pairs...)}
}

// Text is a text without the secrets.
func (m *Mask) Text(text string) string {
	if m == nil {
		return text
	}
	return m.replacer.Replace(text)
}

// inner is what stands between the quotes.
func inner(quoted string) string { return quoted[1 : len(quoted)-1] }

func inJSON(text string) string {
	quoted, _ := json.Marshal(text) // a string cannot fail
	return inner(string(quoted))
}
