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
	from, to int          // of the input
	tokens   []token      // nil if the block is stored
	codes    *description // nil if the codes are the fixed ones
	bits     int          // all of the block; for a stored one without what aligns it
}

// fixedLit and fixedDist are the lengths of the fixed codes (RFC 1951, section 3.2.6). The last two literal symbols and
// distance symbols never occur, but take part in the code.
var (
	fixedLit  [numLit + 2]int
	fixedDist [numDist + 2]int
)

func init() {
	for i := range fixedLit {
		switch {
		case i < 144:
			fixedLit[i] = 8
		case i < 256:
			fixedLit[i] = 9
		case i < 280:
			fixedLit[i] = 7
		default:
			fixedLit[i] = 8
		}
	}
	for i := range fixedDist {
		fixedDist[i] = 5
	}
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
func (b *block) write(w *bitWriter, data []byte, final bool) {
	bit := uint32(0)
	if final {
		bit = 1
	}
	w.write(bit, 1)
	if b.tokens == nil {
		w.write(0, 2)
		w.align()
		n := uint32(b.to - b.from)
		w.write(n, 16)
		w.write(^n&0xffff, 16)
		for _, c := range data[b.from:b.to] {
			w.write(uint32(c), 8)
		}
		return
	}
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

// encode makes a block of tokens with the best codes that alternating between code lengths and their description finds.
func encode(from, to int, tokens []token, start *metaCost, limits []int) *block {
	h := count(tokens)
	best := &block{bits: int(never)}
	try := func(lit, dist []int, meta *metaCost) *description {
		d := describe(lit, dist, meta)
		if bits := 3 + d.bits + h.extraBits() + symbolBits(h, lit, dist); bits < best.bits {
			best = &block{from, to, tokens, d, bits}
		}
		return d
	}
	d := try(huffman(h.lit[:], 15), huffman(h.dist[:], 15), start)
	for _, limit := range limits {
		meta := start
		if meta == &typicalMeta {
			meta = d.cost()
		}
		for range 4 {
			before := best.bits
			lit := lengthsFor(h.lit[:], limit, minLit, meta)
			dist := distLengths(h.dist[:], min(limit, 6), meta)
			if lit == nil || dist == nil {
				break
			}
			meta = try(lit, dist, meta).cost()
			if best.bits == before {
				break
			}
		}
	}
	return best
}

// distLengths is lengthsFor for distances, whose code may be empty or have a single symbol, of one bit.
func distLengths(counts []int, limit int, meta *metaCost) []int {
	single, n := 0, 0
	for symbol, c := range counts {
		if c > 0 {
			single, n = symbol, n+1
		}
	}
	if n > 1 {
		return lengthsFor(counts, limit, minDist, meta)
	}
	lengths := make([]int, len(counts))
	if n == 1 {
		lengths[single] = 1
	}
	return lengths
}

// dynamic is the best block with codes of its own that the search finds in the given number of rounds.
func (s *search) dynamic(from, to, rounds int) *block {
	var best *block
	m := modelOf(fixedLit[:], fixedDist[:], never)
	for range rounds {
		last := int(never)
		for {
			tokens := s.parse(m, from, to)
			b := encode(from, to, tokens, &typicalMeta, limits)
			if best == nil || b.bits < best.bits {
				best = b
			}
			if b.bits >= last {
				break
			}
			last = b.bits
			m = modelOf(b.codes.lit, b.codes.dist, absentBits*costUnit)
		}
		switch s.random(2) {
		case 0:
			m = entropy(count(best.tokens))
		case 1:
			m = modelOf(best.codes.lit, best.codes.dist, absentBits*costUnit)
		}
		amp := 1 + s.random(amplitude*int(costUnit))
		for i := range m.lit {
			m.lit[i] += cost(s.random(amp))
		}
		for i := range m.dist {
			m.dist[i] += cost(s.random(amp))
		}
	}
	return best
}

// limits are the longest codes that lengthsFor is asked for.
var limits = []int{8, 9}

const absentBits = 14
const amplitude = 8
const rounds = 4

func (s *search) split() []*block {
	whole := s.dynamic(0, len(s.data), rounds)
	return []*block{whole}
}
