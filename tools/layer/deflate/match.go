package deflate

import "slices"

// window is how far back a match may reach.
const window = 32 << 10

// match says that what follows a place also stands dist bytes before. It is the longest one at its place among those whose
// distances have the same symbol, and so take the same number of bits.
type match struct {
	length, dist, distSymbol int
}

// findMatches returns, for every place in data, the matches that are worth knowing, the longest first.
func findMatches(data []byte) [][]match {
	found := make([][]match, len(data))
	// lengths[dist] is how long the match is at the place at hand, going backwards through data.
	lengths := make([]int, len(data))
	for i := len(data) - 1; i > 0; i-- {
		dist := 1
		for symbol := 0; dist <= min(i, window); symbol++ {
			longest := match{length: minMatch - 1, distSymbol: symbol}
			for end := min(i+1, dist+1<<distExtra(symbol)); dist < end; dist++ {
				if data[i] != data[i-dist] {
					lengths[dist] = 0
					continue
				}
				lengths[dist] = min(lengths[dist]+1, maxMatch)
				if lengths[dist] > longest.length {
					longest.length, longest.dist = lengths[dist], dist
				}
			}
			if longest.dist > 0 {
				found[i] = append(found[i], longest)
			}
		}
		slices.SortStableFunc(found[i], func(a, b match) int { return b.length - a.length })
	}
	return found
}
