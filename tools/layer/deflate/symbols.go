package deflate

import (
	"math/bits"
	"slices"
)

// The two alphabets of RFC 1951, section 3.2.5. The literal/length alphabet has the bytes, the symbol that ends a block, and
// the lengths of matches.
const (
	numLitLen  = 286
	numDist    = 30
	endOfBlock = 256

	minMatch = 3
	maxMatch = 258
)

// lengthSymbol is the symbol of a match length. lengthBase and lengthExtra say, by symbol, the shortest of its lengths, and
// how many extra bits tell them apart.
var (
	lengthSymbol [maxMatch + 1]int
	lengthBase   [numLitLen]int
	lengthExtra  [numLitLen]int
)

func init() {
	length := minMatch
	for symbol := endOfBlock + 1; symbol < numLitLen-1; symbol++ {
		if symbol >= 265 {
			lengthExtra[symbol] = (symbol - 261) / 4
		}
		lengthBase[symbol] = length
		for range 1 << lengthExtra[symbol] {
			lengthSymbol[length] = symbol
			length++
		}
	}
	// The longest match has a symbol of its own.
	lengthSymbol[maxMatch], lengthBase[numLitLen-1] = numLitLen-1, maxMatch
}

// distSymbol returns the symbol of a distance, which is 1 or more, and the value of its extra bits.
func distSymbol(dist int) (symbol, value int) {
	d := dist - 1
	if d < 4 {
		return d, 0
	}
	extra := bits.Len(uint(d)) - 2
	return 2*extra + d>>extra, d & (1<<extra - 1)
}

// distExtra is how many extra bits follow a distance symbol.
func distExtra(symbol int) int { return max(0, symbol/2-1) }

// The lengths, in bits, of the fixed codes (RFC 1951, section 3.2.6). The last two symbols of either never occur, but take part in
// the code.
var (
	fixedLitLen = slices.Concat(
		slices.Repeat([]int{8}, 144), slices.Repeat([]int{9}, 112), slices.Repeat([]int{7}, 24), slices.Repeat([]int{8}, 8))
	fixedDist = slices.Repeat([]int{5}, numDist+2)
)

// histogram counts how often each symbol occurs in a block.
type histogram struct {
	litLen [numLitLen]int
	dist   [numDist]int
}

func count(tokens []token) *histogram {
	h := &histogram{}
	for _, t := range tokens {
		if t.length == 0 {
			h.litLen[t.literal]++
			continue
		}
		h.litLen[lengthSymbol[t.length]]++
		symbol, _ := distSymbol(t.dist)
		h.dist[symbol]++
	}
	h.litLen[endOfBlock]++
	return h
}

// bits is what the symbols take, extra bits included, in codes of the given lengths.
func (h *histogram) bits(litLen, dist []int) int {
	n := 0
	for symbol, c := range h.litLen {
		if c > 0 {
			n += c * (litLen[symbol] + lengthExtra[symbol])
		}
	}
	for symbol, c := range h.dist {
		if c > 0 {
			n += c * (dist[symbol] + distExtra(symbol))
		}
	}
	return n
}
