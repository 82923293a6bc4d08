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
func huffmanBlock(tokens []token) *block {
	c := count(tokens)
	return newBlock(tokens, c, describe(huffman(c.litLen[:], maxLength), huffman(c.dist[:], maxLength), &typicalCLBits))
}

// The longest codewords that withBetterCodes tries. Small inputs do not profit from longer ones, and the time doubles with
// every bit.
const (
	maxLitLenTried = 8
	maxDistTried   = 6
)

// withBetterCodes makes, of a block with Huffman's codes, one whose codes are chosen together with their header. As either
// depends on the other, they are chosen in turns, until that gains nothing.
func (b *block) withBetterCodes() *block {
	litLen := newLengthSearch(b.counts.litLen[:], huffman(b.counts.litLen[:], maxLength), maxLitLenTried, minLitLenLengths)
	best, bits := b, b.header.clBits()
	for {
		newLitLen, newDist := litLen.lengths(bits), distLengths(b.counts.dist[:], bits)
		if newLitLen == nil || newDist == nil {
			return best
		}
		next := newBlock(b.tokens, b.counts, describe(newLitLen, newDist, bits))
		if next.bits >= best.bits {
			return best
		}
		best = next
		before := *bits
		if bits = next.header.clBits(); *bits == before {
			return best // the next turn would give the same
		}
	}
}

// distLengths returns the best lengths for the distance code, which unlike the other one may be empty or have a single
// symbol, of one bit. It returns nil if there are too many symbols for maxDistTried.
func distLengths(counts []int, bits *clBits) []int {
	single, n := 0, 0
	for symbol, c := range counts {
		if c > 0 {
			single, n = symbol, n+1
		}
	}
	if n > 1 {
		return newLengthSearch(counts, huffman(counts, maxLength), maxDistTried, minDistLengths).lengths(bits)
	}
	lengths := make([]int, len(counts))
	if n == 1 {
		lengths[single] = 1
	}
	return lengths
}
