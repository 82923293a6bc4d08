package deflate

import "math/bits"

// search holds what is known about an input.
type search struct {
	data    []byte
	matches [][]match
	rand    uint64
	toGo    []cost // scratch space of parse
	step    []token
}

func newSearch(data []byte) *search {
	return &search{
		data:    data,
		matches: findMatches(data),
		rand:    1,
		toGo:    make([]cost, len(data)+1),
		step:    make([]token, len(data)+1),
	}
}

// random returns a number from 0 to n-1 of a fixed sequence (Marsaglia's xorshift64).
func (s *search) random(n int) int {
	s.rand ^= s.rand << 13
	s.rand ^= s.rand >> 7
	s.rand ^= s.rand << 17
	return int(s.rand >> 33 % uint64(n))
}

// block is one block of the output.
type block struct {
	from, to int // of the input
	tokens   []token
	codes    *description // nil if the codes are the fixed ones
	bits     int          // all of the block
}

// fixedLit and fixedDist are those of FixedLengths.
var fixedLit, fixedDist = FixedLengths()

// FixedLengths returns the lengths, in bits, of the fixed codes (RFC 1951, section 3.2.6): for each literal or length symbol,
// and for each distance symbol. The last two symbols of either never occur, but take part in the code.
func FixedLengths() (literals [numLit + 2]int, distances [numDist + 2]int) {
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

// modelOf is the model of a code: symbols without a code are priced at absent.
func modelOf(lit, dist []int, absent cost) *model {
	m := &model{}
	price := func(costs []cost, lengths []int) {
		for symbol := range costs {
			costs[symbol] = absent
			if symbol < len(lengths) && lengths[symbol] > 0 {
				costs[symbol] = cost(lengths[symbol]) * costUnit
			}
		}
	}
	price(m.lit[:], lit)
	price(m.dist[:], dist)
	return m
}

// fixed is the best block with the fixed codes.
func (s *search) fixed(from, to int) *block {
	b := &block{from: from, to: to, tokens: s.parse(modelOf(fixedLit[:], fixedDist[:], never), from, to)}
	h := count(b.tokens)
	b.bits = 3 + h.extraBits() + symbolBits(h, fixedLit[:], fixedDist[:])
	return b
}

// symbolBits is what the symbols take in the codes of the given lengths.
func symbolBits(h *histogram, lit, dist []int) int {
	n := 0
	for symbol, length := range lit[:min(len(lit), numLit)] {
		n += h.lit[symbol] * length
	}
	for symbol, length := range dist[:min(len(dist), numDist)] {
		n += h.dist[symbol] * length
	}
	return n
}

// entropy is the model that prices symbols by how often they occur, with fractions of bits.
func entropy(h *histogram) *model {
	m := &model{}
	price := func(costs []cost, counts []int) {
		total := 0
		for _, c := range counts {
			total += c
		}
		for symbol, c := range counts {
			// A symbol that is not used would need a code, and its length would have to be described.
			costs[symbol] = log2(total) + 4*costUnit
			if c > 0 {
				costs[symbol] = max(costUnit/2, log2(total)-log2(c))
			}
		}
	}
	price(m.lit[:], h.lit[:])
	price(m.dist[:], h.dist[:])
	return m
}

// log2 is the binary logarithm of n >= 1 as a cost, by repeated squaring.
func log2(n int) cost {
	if n < 1 {
		return 0
	}
	whole := bits.Len(uint(n)) - 1
	c := cost(whole) * costUnit
	x := uint64(n) << 31 >> whole // from 1 to 2, in units of 2^-31
	for unit := costUnit / 2; unit > 0; unit /= 2 {
		x = x * x >> 31
		if x >= 1<<32 {
			x >>= 1
			c += unit
		}
	}
	return c
}

// write appends b.
func (b *block) write(w *bitWriter, final bool) {
	bit := uint32(0)
	if final {
		bit = 1
	}
	w.write(bit, 1)
	lit, dist := fixedLit[:], fixedDist[:]
	if b.codes == nil {
		w.write(1, 2)
	} else {
		w.write(2, 2)
		b.codes.write(w)
		lit, dist = b.codes.lit, b.codes.dist
	}
	litCode, distCode := codes(lit), codes(dist)
	for _, t := range b.tokens {
		if t.length == 0 {
			w.write(litCode[t.literal], lit[t.literal])
			continue
		}
		symbol := lengthSymbol[t.length]
		w.write(litCode[symbol], lit[symbol])
		w.write(uint32(t.length-lengthBase[symbol]), lengthExtra[symbol])
		symbol, extra, value := distSymbol(t.dist)
		w.write(distCode[symbol], dist[symbol])
		w.write(uint32(value), extra)
	}
	w.write(litCode[endOfBlock], lit[endOfBlock])
}

func (d *description) write(w *bitWriter) {
	sent := d.metaSent()
	w.write(uint32(len(d.lit)-minLit), 5)
	w.write(uint32(len(d.dist)-minDist), 5)
	w.write(uint32(sent-4), 4)
	for _, symbol := range metaOrder[:sent] {
		w.write(uint32(d.meta[symbol]), 3)
	}
	code := codes(d.meta)
	for _, t := range d.tokens {
		w.write(code[t.symbol], d.meta[t.symbol])
		w.write(uint32(t.n-runs[t.symbol].min), metaExtra(t.symbol))
	}
}

// quick makes a block of tokens with Huffman's codes.
func quick(from, to int, tokens []token) *block {
	h := count(tokens)
	lit, dist := huffman(h.lit[:], 15), huffman(h.dist[:], 15)
	return newBlock(from, to, tokens, h, describe(lit, dist, &typicalMeta))
}

func newBlock(from, to int, tokens []token, h *histogram, d *description) *block {
	return &block{from, to, tokens, d, 3 + d.bits + h.extraBits() + symbolBits(h, d.lit, d.dist)}
}

// longest is the longest code that lengthsFor is asked for. Small inputs do not profit from longer ones, and the time
// doubles with every bit.
const longest = 8

// thorough makes of a quick block one with codes that are chosen together with their description.
func thorough(b *block) *block {
	h := count(b.tokens)
	lit, dist := huffman(h.lit[:], 15), huffman(h.dist[:], 15)
	best := b
	meta := b.codes.cost()
	for {
		newLit := lengthsFor(h.lit[:], lit, longest, minLit, meta)
		newDist := distLengths(h.dist[:], dist, 6, meta)
		if newLit == nil || newDist == nil {
			return best
		}
		next := newBlock(b.from, b.to, b.tokens, h, describe(newLit, newDist, meta))
		if next.bits >= best.bits {
			return best
		}
		best, meta = next, next.codes.cost()
	}
}

// distLengths is lengthsFor for distances, whose code may be empty or have a single symbol, of one bit.
func distLengths(counts, start []int, limit int, meta *metaCost) []int {
	single, n := 0, 0
	for symbol, c := range counts {
		if c > 0 {
			single, n = symbol, n+1
		}
	}
	if n > 1 {
		return lengthsFor(counts, start, limit, minDist, meta)
	}
	lengths := make([]int, len(counts))
	if n == 1 {
		lengths[single] = 1
	}
	return lengths
}

// absent is the price of a symbol without a code: of a long code, and of describing it.
const absent = 14 * costUnit

// dynamic is the best block with codes of its own that the search finds, starting with the symbol costs of m.
func (s *search) dynamic(from, to, rounds int, m *model) *block {
	var best *block
	bestQuick := int(never)
	seen := map[histogram]bool{}
	for range rounds {
		// Parse and codes in turns, until that gives nothing new.
		for {
			b := quick(from, to, s.parse(m, from, to))
			h := *count(b.tokens)
			if seen[h] {
				break
			}
			seen[h] = true
			bestQuick = min(bestQuick, b.bits)
			if b.bits < bestQuick+slack {
				b = thorough(b)
			}
			if best == nil || b.bits < best.bits {
				best = b
			}
			m = modelOf(b.codes.lit, b.codes.dist, absent)
		}
		m = modelOf(best.codes.lit, best.codes.dist, absent)
		if s.random(2) == 0 {
			m = entropy(count(best.tokens))
		}
		amplitude := 1 + s.random(8*int(costUnit))
		for i := range m.lit {
			m.lit[i] += cost(s.random(amplitude))
		}
		for i := range m.dist {
			m.dist[i] += cost(s.random(amplitude))
		}
	}
	return best
}

// What the search is allowed. More finds hardly anything: ten times the rounds save a byte or two of 400.
const (
	rounds = 16 // disturbances
	slack  = 60 // bits by which a quick block may be behind the best and still be looked at thoroughly
)

// best is the best single block. (Of the pause layers, a second block, with fixed codes for the start, made none smaller.)
func (s *search) best() *block {
	n := len(s.data)
	best := s.fixed(0, n)
	if b := s.dynamic(0, n, rounds, modelOf(fixedLit[:], fixedDist[:], never)); b.bits < best.bits {
		best = b
	}
	return best
}
