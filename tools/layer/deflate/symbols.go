package deflate

import "math/bits"

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

// fixedLitLen and fixedDist are those of FixedLengths.
var fixedLitLen, fixedDist = FixedLengths()

// FixedLengths returns the lengths, in bits, of the fixed codes (RFC 1951, section 3.2.6): for each literal/length symbol,
// and for each distance symbol. The last two symbols of either never occur, but take part in the code.
func FixedLengths() (literals [numLitLen + 2]int, distances [numDist + 2]int) {
	for i := range literals {
		switch {
		case i < 144:
			literals[i] = 8
		case i < 256:
			literals[i] = 9
		case i < 280:
			literals[i] = 7
		default:
			literals[i] = 8
		}
	}
	for i := range distances {
		distances[i] = 5
	}
	return literals, distances
}

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
