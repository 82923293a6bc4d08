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

// write appends b as the last block of a stream.
func (b *block) write(w *bitWriter) {
	const final, fixed, dynamic = 1, 1, 2
	w.write(final, 1)
	if b.header == nil {
		w.write(fixed, 2)
	} else {
		w.write(dynamic, 2)
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
