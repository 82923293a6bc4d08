package deflate

import "slices"

// A dynamic block has a header that describes its two codes (RFC 1951, section 3.2.7): the lengths of all their codewords,
// as symbols of a third alphabet, the code length alphabet (CL for short), in a Huffman code whose lengths come first.
// Symbols 0 to 15 of it are a length; the others repeat.
const (
	numCL        = 19
	copyPrevious = 16 // the length before, 3 to 6 times
	zerosShort   = 17 // 3 to 10 zeros
	zerosLong    = 18 // 11 to 138 zeros

	maxLength   = 15 // of a codeword, in bits
	maxCLLength = 7

	// The fewest lengths that can be described, of each code.
	minLitLenLengths = 257
	minDistLengths   = 1
	minCLLengths     = 4
)

// clOrder is the order in which the lengths of the third code are sent. Zeros at the end are left out.
var clOrder = [numCL]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// clRuns says how many lengths a CL symbol stands for, and how many extra bits say so.
var clRuns = [numCL]struct{ min, max, extra int }{
	copyPrevious: {3, 6, 2},
	zerosShort:   {3, 10, 3},
	zerosLong:    {11, 138, 7},
}

// clToken is a CL symbol, and how many lengths it stands for.
type clToken struct{ symbol, n int }

// clBits is what each CL symbol takes, in bits, extra bits included.
type clBits [numCL]int

// typicalCLBits is where the search for a header starts.
var typicalCLBits = clBits{3, 5, 5, 5, 4, 4, 3, 3, 3, 4, 5, 6, 7, 7, 7, 7, 4 + 2, 4 + 3, 4 + 7}

// header describes the codes of a block.
type header struct {
	litLen, dist []int // lengths of the codewords, without zeros at the end that need not be sent
	cl           []int // lengths of the third code
	tokens       []clToken
	bits         int // all of the header
}

// describe returns the shortest header that it finds for codes with the given lengths. It starts with an estimate of what
// the CL symbols take.
func describe(litLen, dist []int, estimate *clBits) *header {
	litLen, dist = trim(litLen, minLitLenLengths), trim(dist, minDistLengths)
	all := slices.Concat(litLen, dist)
	var best *header
	for {
		h := &header{litLen: litLen, dist: dist, tokens: tokenize(all, estimate)}
		h.encode()
		if best != nil && h.bits >= best.bits {
			return best
		}
		best, estimate = h, h.clBits()
	}
}

// trim leaves out zeros at the end, and leaves at least least lengths.
func trim(lengths []int, least int) []int {
	n := len(lengths)
	for n > least && lengths[n-1] == 0 {
		n--
	}
	return lengths[:n]
}

// tokenize returns the cheapest way to describe lengths.
func tokenize(lengths []int, bits *clBits) []clToken {
	n := len(lengths)
	// toGo[i] is what the cheapest way from length i to the end takes, and next[i] its first token.
	var toGo [numLitLen + numDist + 1]int
	var next [numLitLen + numDist]clToken
	same := 0 // how many equal lengths there are from i on
	for i := n - 1; i >= 0; i-- {
		length := lengths[i]
		if i+1 < n && lengths[i+1] != length {
			same = 0
		}
		same++
		toGo[i], next[i] = bits[length]+toGo[i+1], clToken{length, 1}
		repeat := func(symbol int) {
			for k := clRuns[symbol].min; k <= min(same, clRuns[symbol].max); k++ {
				if b := bits[symbol] + toGo[i+k]; b < toGo[i] {
					toGo[i], next[i] = b, clToken{symbol, k}
				}
			}
		}
		if i > 0 && lengths[i-1] == length {
			repeat(copyPrevious)
		}
		if length == 0 {
			repeat(zerosShort)
			repeat(zerosLong)
		}
	}
	var tokens []clToken
	for i := 0; i < n; i += next[i].n {
		tokens = append(tokens, next[i])
	}
	return tokens
}

// encode chooses the third code for the tokens, and counts the bits.
func (h *header) encode() {
	counts := make([]int, numCL)
	for _, t := range h.tokens {
		counts[t.symbol]++
	}
	h.cl = huffman(counts, maxCLLength)
	h.bits = 5 + 5 + 4 + 3*h.clSent()
	for symbol, c := range counts {
		h.bits += c * (h.cl[symbol] + clRuns[symbol].extra)
	}
}

// clSent is how many lengths of the third code are sent.
func (h *header) clSent() int {
	n := numCL
	for n > minCLLengths && h.cl[clOrder[n-1]] == 0 {
		n--
	}
	return n
}

// clBits is what the CL symbols take in this header. Those that it does not use are priced at the longest codeword.
func (h *header) clBits() *clBits {
	var bits clBits
	for symbol, length := range h.cl {
		if length == 0 {
			length = maxCLLength
		}
		bits[symbol] = length + clRuns[symbol].extra
	}
	return &bits
}
