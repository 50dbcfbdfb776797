package operator

// A losers tree merges sorted sequences: its root is the sequence whose head comes first, and each inner node
// has the loser of the match there, so that replacing the root's head takes one comparison per level.
//
// Source: Knuth, The Art of Computer Programming, volume 3, 5.4.1.
type losers struct {
	tree  []int    // tree[0] is the winner
	ranks []uint64 // of the heads, as far as they tell the order: less is asked where two are equal
	less  func(x, y int) bool
}

// newLosers starts a merge of n sequences. less compares their heads; a sequence without a head comes after all
// others, and ties go by number.
func newLosers(n int, less func(x, y int) bool) *losers {
	l := &losers{tree: make([]int, max(n, 1)), ranks: make([]uint64, n), less: less}
	winners := make([]int, 2*n)
	for i := range n {
		winners[n+i] = i
	}
	for at := n - 1; at > 0; at-- {
		x, y := winners[2*at], winners[2*at+1]
		if less(y, x) {
			x, y = y, x
		}
		winners[at], l.tree[at] = x, y
	}
	if n > 1 {
		l.tree[0] = winners[1]
	}
	return l
}

// first is the number of the sequence whose head comes first.
func (l *losers) first() int { return l.tree[0] }

// fix restores the order after the head of the first sequence changed.
func (l *losers) fix() {
	winner := l.tree[0]
	for at := (winner + len(l.tree)) / 2; at > 0; at /= 2 {
		loser := l.tree[at]
		if x, y := l.ranks[loser], l.ranks[winner]; x < y || x == y && l.less(loser, winner) {
			winner, l.tree[at] = loser, winner
		}
	}
	l.tree[0] = winner
}
