package builtins

import "strings"

// nearest is the candidate that x is most likely a misspelling of, or "". Case and underscores do not count. Of
// equally near ones the first wins, so candidates come in a fixed order.
func nearest(x string, candidates []string) string {
	x = folded(x)
	best, least := "", max(1, len(x)/3)+1
	for _, c := range candidates {
		if d := distance(x, folded(c)); d < least && d < len(c) {
			best, least = c, d
		}
	}
	return best
}

// DidYouMean is the question after an unknown name, which candidate was meant, or "" if none is near. Case and
// underscores do not count; of equally near ones the first wins.
func DidYouMean(x string, candidates []string) string { return didYouMean(x, candidates) }

// didYouMean is the question after an unknown name, or "".
func didYouMean(x string, candidates []string) string {
	if n := nearest(x, candidates); n != "" {
		return "did you mean " + n + "?"
	}
	return ""
}

func folded(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }

// distance is the number of inserted, deleted, replaced and swapped neighbouring bytes between two names.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, before
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}
