package deflate

// block is the one block of a stream.
type block struct {
	tokens []token
	counts *histogram
	header *header // nil if the codes are the fixed ones
	bits   int     // all of the block
}

func newBlock(tokens []token, counts *histogram, h *header) *block {
	b := &block{tokens: tokens, counts: counts, header: h, bits: 1 + 2}
	if h != nil {
		b.bits += h.bits
	}
	b.bits += counts.bits(b.lengths())
	return b
}

// lengths returns the lengths of the block's codes.
func (b *block) lengths() (litLen, dist []int) {
	if b.header == nil {
		return fixedLitLen[:], fixedDist[:]
	}
	return b.header.litLen, b.header.dist
}

// fixedBlock makes a block of tokens with the fixed codes.
func fixedBlock(tokens []token) *block { return newBlock(tokens, count(tokens), nil) }

// huffmanBlock makes a block of tokens with Huffman's codes.
func huffmanBlock(tokens []token, counts *histogram) *block {
	litLen, dist := huffman(counts.litLen[:], maxLength), huffman(counts.dist[:], maxLength)
	return newBlock(tokens, counts, describe(litLen, dist, &typicalCLBits))
}

// The longest codewords that withBetterCodes tries. Small inputs do not profit from longer ones, and the time doubles with
// every bit.
const (
	maxLitLenTried = 8
	maxDistTried   = 6
)

// withBetterCodes makes, of a block with Huffman's codes, one whose codes are chosen together with their header. As either
// depends on the other, they are chosen in turns, until that gains nothing. memory is for newLengthSearch.
func (b *block) withBetterCodes(memory []int32) *block {
	search := newLengthSearch(memory, b.counts.litLen[:], b.header.litLen, maxLitLenTried, minLitLenLengths)
	best := b
	for {
		bits := best.header.clBits()
		litLen, dist := search.lengths(bits), distLengths(memory, b.counts.dist[:], b.header.dist, bits)
		if litLen == nil || dist == nil {
			return best
		}
		next := newBlock(b.tokens, b.counts, describe(litLen, dist, bits))
		if next.bits >= best.bits {
			return best
		}
		best = next
	}
}

// distLengths returns the best lengths for the distance code, which unlike the other one may be empty or have a single
// symbol, of one bit. start is as for newLengthSearch. It returns nil if there are too many symbols for maxDistTried.
func distLengths(memory []int32, counts, start []int, bits *clBits) []int {
	single, n := 0, 0
	for symbol, c := range counts {
		if c > 0 {
			single, n = symbol, n+1
		}
	}
	if n > 1 {
		return newLengthSearch(memory, counts, start, maxDistTried, minDistLengths).lengths(bits)
	}
	lengths := make([]int, len(counts))
	if n == 1 {
		lengths[single] = 1
	}
	return lengths
}
