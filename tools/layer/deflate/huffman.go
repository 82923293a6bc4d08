package deflate

import "slices"

// huffman returns the lengths, none above limit, of an optimal prefix code for symbols that occur as often as counts says:
// the package-merge algorithm (Larmore and Hirschberg, 1990). A code of fewer than two symbols gets more, which do not occur,
// because it would not be complete.
//
// The algorithm merges the leaves, which are the symbols by weight, with packages, which are pairs of items of the row
// before. Every item of the last row's first 2n-2 adds a bit to each symbol that is in it.
func huffman(counts []int, limit int) []int {
	leaves := leavesOf(counts)
	weights := make([]int, 0, 2*len(leaves)) // of the items of a row, in order
	for _, symbol := range leaves {
		weights = append(weights, counts[symbol])
	}
	isLeaf := make([][]bool, limit) // by row and item
	isLeaf[0] = slices.Repeat([]bool{true}, len(leaves))
	for row := 1; row < limit; row++ {
		weights, isLeaf[row] = merge(counts, leaves, weights)
	}

	lengths := make([]int, len(counts))
	taken := 2*len(leaves) - 2
	for row := limit - 1; row >= 0; row-- {
		n := 0
		for _, leaf := range isLeaf[row][:taken] {
			if leaf {
				lengths[leaves[n]]++
				n++
			}
		}
		taken = 2 * (taken - n)
	}
	return lengths
}

// leavesOf returns the symbols that have a code, the rarest first, and of those that are equally rare the one that comes
// first in the alphabet.
func leavesOf(counts []int) []int {
	var leaves []int
	for symbol, n := range counts {
		if n > 0 {
			leaves = append(leaves, symbol)
		}
	}
	for symbol := 0; len(leaves) < 2; symbol++ {
		if counts[symbol] == 0 {
			leaves = append(leaves, symbol)
		}
	}
	slices.SortStableFunc(leaves, func(a, b int) int { return counts[a] - counts[b] })
	return leaves
}

// merge returns the row of items, by weight, that consists of the leaves and of the pairs of items of the row before. Of
// items that weigh the same, leaves come first.
func merge(counts, leaves, before []int) (weights []int, isLeaf []bool) {
	pairs := len(before) / 2
	n := len(leaves) + pairs
	weights, isLeaf = make([]int, 0, n), make([]bool, 0, n)
	leaf, pair := 0, 0
	for leaf < len(leaves) || pair < pairs {
		takeLeaf := pair == pairs
		if leaf < len(leaves) && pair < pairs {
			takeLeaf = counts[leaves[leaf]] <= before[2*pair]+before[2*pair+1]
		}
		if takeLeaf {
			weights = append(weights, counts[leaves[leaf]])
			leaf++
		} else {
			weights = append(weights, before[2*pair]+before[2*pair+1])
			pair++
		}
		isLeaf = append(isLeaf, takeLeaf)
	}
	return weights, isLeaf
}
