package deflate

import "math/bits"

// block is a block of a stream that is compressed.
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
		return fixedLitLen, fixedDist
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
// depends on the other, they are chosen in turns, until that gains nothing. t is for newLengthSearch.
func (b *block) withBetterCodes(t *table) *block {
	search := newLengthSearch(t, b.counts.litLen[:], b.header.litLen, maxLitLenTried, minLitLenLengths)
	best := b
	for {
		bits := best.header.clBits()
		litLen, dist := search.lengths(bits), distLengths(t, b.counts.dist[:], b.header.dist, bits)
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
func distLengths(t *table, counts, start []int, bits *clBits) []int {
	single, n := 0, 0
	for symbol, c := range counts {
		if c > 0 {
			single, n = symbol, n+1
		}
	}
	if n > 1 {
		return newLengthSearch(t, counts, start, maxDistTried, minDistLengths).lengths(bits)
	}
	lengths := make([]int, len(counts))
	if n == 1 {
		lengths[single] = 1
	}
	return lengths
}

// bitWriter packs bits as RFC 1951 does, starting with the least significant bit of each byte.
type bitWriter struct {
	bytes []byte
	free  int // unused bits of the last byte
}

// write appends the n low bits of value, the least significant first.
func (w *bitWriter) write(value uint32, n int) {
	for ; n > 0; n-- {
		if w.free == 0 {
			w.bytes = append(w.bytes, 0)
			w.free = 8
		}
		w.bytes[len(w.bytes)-1] |= byte(value&1) << (8 - w.free)
		w.free--
		value >>= 1
	}
}

// The types of blocks.
const (
	stored  = 0
	fixed   = 1
	dynamic = 2
)

// begin appends the start of a block. After the final one, the stream ends.
func (w *bitWriter) begin(final bool, kind uint32) {
	last := uint32(0)
	if final {
		last = 1
	}
	w.write(last|kind<<1, 3)
}

// storedBits returns the number of bits that store appends.
func (w *bitWriter) storedBits(data []byte) int {
	padding := (w.free + 8 - 3) % 8
	return 3 + padding + 32 + 8*len(data)
}

// store appends data, of less than 64 kB, as a block without compression.
func (w *bitWriter) store(data []byte, final bool) {
	w.begin(final, stored)
	w.write(0, w.free)
	w.write(uint32(len(data)), 16)
	w.write(^uint32(len(data)), 16)
	w.bytes = append(w.bytes, data...)
}

// write appends b.
func (b *block) write(w *bitWriter, final bool) {
	if b.header == nil {
		w.begin(final, fixed)
	} else {
		w.begin(final, dynamic)
		b.header.write(w)
	}
	litLen, dist := b.lengths()
	litLenCode, distCode := codewords(litLen), codewords(dist)
	for _, t := range b.tokens {
		if t.length == 0 {
			w.write(litLenCode[t.literal], litLen[t.literal])
			continue
		}
		symbol := lengthSymbol[t.length]
		w.write(litLenCode[symbol], litLen[symbol])
		w.write(uint32(t.length-lengthBase[symbol]), lengthExtra[symbol])
		symbol, value := distSymbol(t.dist)
		w.write(distCode[symbol], dist[symbol])
		w.write(uint32(value), distExtra(symbol))
	}
	w.write(litLenCode[endOfBlock], litLen[endOfBlock])
}

func (h *header) write(w *bitWriter) {
	sent := h.clSent()
	w.write(uint32(len(h.litLen)-minLitLenLengths), 5)
	w.write(uint32(len(h.dist)-minDistLengths), 5)
	w.write(uint32(sent-minCLLengths), 4)
	for _, symbol := range clOrder[:sent] {
		w.write(uint32(h.cl[symbol]), 3)
	}
	code := codewords(h.cl)
	for _, t := range h.tokens {
		w.write(code[t.symbol], h.cl[t.symbol])
		w.write(uint32(t.n-clRuns[t.symbol].min), clRuns[t.symbol].extra)
	}
}

// codewords returns the codewords of the given lengths (RFC 1951, section 3.2.2), reversed: a codeword starts with its most
// significant bit, and bitWriter with the least significant one.
func codewords(lengths []int) []uint32 {
	out := make([]uint32, len(lengths))
	word := uint32(0)
	for length := 1; length <= maxLength; length++ {
		word <<= 1
		for symbol, l := range lengths {
			if l == length {
				out[symbol] = bits.Reverse32(word) >> (32 - length)
				word++
			}
		}
	}
	return out
}
