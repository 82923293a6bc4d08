package deflate

import "math/bits"

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
