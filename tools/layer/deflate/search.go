package deflate

import (
	"math"
	"math/bits"
)

// What the search is allowed. More finds hardly anything: ten times the rounds save a byte or two of 400.
const (
	rounds = 16 // disturbances
	slack  = 60 // bits by which a block with Huffman's codes may be behind the best of those and still get better ones
)

// search looks for the shortest block.
type search struct {
	parser       *parser
	best         *block
	leastHuffman int                // bits of the best block with Huffman's codes
	seen         map[histogram]bool // of the blocks so far; another one with the same counts leads to nothing else
	rand         uint64             // state of random
	table        table              // for newLengthSearch
}

func newSearch(p *parser) *search {
	return &search{
		parser: p, leastHuffman: math.MaxInt, seen: map[histogram]bool{}, rand: 1,
	}
}

// shortestBlock returns the best block that the search finds for what p parses. (Of the pause layers, a second block, with
// fixed codes for the start, made none smaller.)
func shortestBlock(p *parser) *block {
	s := newSearch(p)
	m := fixedModel()
	fixed := fixedBlock(s.parser.parse(m))
	for range rounds {
		s.descend(m)
		m = s.disturb()
	}
	if s.best.bits < fixed.bits {
		return s.best
	}
	return fixed
}

// descend starts with the costs of m, and makes a parse and codes in turns, until that gives nothing new.
func (s *search) descend(m *model) {
	for {
		tokens := s.parser.parse(m)
		counts := count(tokens)
		if s.seen[*counts] {
			return
		}
		s.seen[*counts] = true
		b := huffmanBlock(tokens, counts)
		s.leastHuffman = min(s.leastHuffman, b.bits)
		if b.bits < s.leastHuffman+slack {
			b = b.withBetterCodes(&s.table)
		}
		if s.best == nil || b.bits < s.best.bits {
			s.best = b
		}
		m = modelOf(b.header.litLen, b.header.dist, absent)
	}
}

// disturb returns costs near those of the best block, to start from again.
func (s *search) disturb() *model {
	m := modelOf(s.best.header.litLen, s.best.header.dist, absent)
	if s.random(2) == 0 {
		m = entropy(s.best.counts)
	}
	amplitude := 1 + s.random(8*int(costUnit))
	for i := range m.litLen {
		m.litLen[i] += cost(s.random(amplitude))
	}
	for i := range m.dist {
		m.dist[i] += cost(s.random(amplitude))
	}
	return m
}

// random returns a number from 0 to n-1 of a fixed sequence (Marsaglia's xorshift64).
func (s *search) random(n int) int {
	s.rand ^= s.rand << 13
	s.rand ^= s.rand >> 7
	s.rand ^= s.rand << 17
	return int(s.rand >> 33 % uint64(n))
}

// absent is the price of a symbol without a codeword: of a long one, and of describing it.
const absent = 14 * costUnit

// modelOf prices symbols by the lengths of their codewords, and those that have none at missing.
func modelOf(litLen, dist []int, missing cost) *model {
	m := &model{}
	price := func(costs []cost, lengths []int) {
		for symbol := range costs {
			costs[symbol] = missing
			if symbol < len(lengths) && lengths[symbol] > 0 {
				costs[symbol] = cost(lengths[symbol]) * costUnit
			}
		}
	}
	price(m.litLen[:], litLen)
	price(m.dist[:], dist)
	return m
}

// fixedModel prices symbols by the fixed codes.
func fixedModel() *model { return modelOf(fixedLitLen, fixedDist, never) }

// entropy prices symbols by how often they occur, with fractions of bits.
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
	price(m.litLen[:], h.litLen[:])
	price(m.dist[:], h.dist[:])
	return m
}

// log2 is the binary logarithm of n >= 1 as a cost, by repeated squaring; 0 if n is 0.
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
