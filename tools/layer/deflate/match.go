package deflate

import (
	"math/bits"
	"slices"
)

// Sizes of the two alphabets of RFC 1951, section 3.2.5, and the symbol that ends a block.
const (
	numLit     = 286
	numDist    = 30
	endOfBlock = 256
	minMatch   = 3
	maxMatch   = 258
)

// lengthSymbol, lengthExtra and lengthBase describe a match length: its symbol, and by symbol the number of extra bits
// and the length that they are added to.
var (
	lengthSymbol [maxMatch + 1]int
	lengthExtra  [numLit]int
	lengthBase   [numLit]int
)

func init() {
	for length, symbol := minMatch, endOfBlock+1; symbol < numLit-1; symbol++ {
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
	lengthSymbol[maxMatch], lengthBase[numLit-1] = numLit-1, maxMatch
}

// distSymbol returns the symbol of a distance of 1 or more, the number of extra bits, and their value.
func distSymbol(dist int) (symbol, extra, value int) {
	d := dist - 1
	if d < 4 {
		return d, 0, 0
	}
	extra = bits.Len(uint(d)) - 2
	symbol = 2*extra + d>>extra
	return symbol, extra, d & (1<<extra - 1)
}

// distExtra is the number of extra bits of a distance symbol.
func distExtra(symbol int) int { return max(0, symbol/2-1) }

// match is the longest one, at some place, among those whose distances have the same symbol, and so cost the same.
type match struct {
	length, dist, symbol int
}

// findMatches returns, for every place in data, the matches that are worth knowing: by distance symbol, longest first.
func findMatches(data []byte) [][]match {
	found := make([][]match, len(data))
	// length[d] is how long the match with distance d is at the place at hand, going backwards through data.
	length := make([]int, len(data)+1)
	for i := len(data) - 1; i > 0; i-- {
		longest := [numDist]match{}
		for d := 1; d <= i; d++ {
			if data[i] != data[i-d] {
				length[d] = 0
				continue
			}
			if length[d] < maxMatch {
				length[d]++
			}
			if length[d] < minMatch || d > 32768 {
				continue
			}
			symbol, _, _ := distSymbol(d)
			if length[d] > longest[symbol].length {
				longest[symbol] = match{length[d], d, symbol}
			}
		}
		for _, m := range longest {
			if m.length > 0 {
				found[i] = append(found[i], m)
			}
		}
		slices.SortStableFunc(found[i], func(a, b match) int { return b.length - a.length })
	}
	return found
}

// token is a literal (length 0) or a match.
type token struct {
	literal      byte
	length, dist int
}

// A cost is a number of bits times costUnit; fractions serve the search, codes have whole bits.
type cost = int32

const (
	costUnit cost = 64
	never    cost = 1 << 24
)

// model has the cost of every symbol.
type model struct {
	lit  [numLit]cost
	dist [numDist]cost
}

// parse returns the cheapest sequence of tokens for data[from:to] under m. Matches may reach back before from.
func (s *search) parse(m *model, from, to int) []token {
	// toGo[i] is what the cheapest way from place i to the end costs, and step[i] its first token.
	toGo, step := s.toGo[:to+1], s.step[:to+1]
	var lengthCost [maxMatch + 1]cost
	for length := minMatch; length <= maxMatch; length++ {
		symbol := lengthSymbol[length]
		lengthCost[length] = m.lit[symbol] + cost(lengthExtra[symbol])*costUnit
	}
	toGo[to] = m.lit[endOfBlock]
	for i := to - 1; i >= from; i-- {
		best, what := m.lit[s.data[i]]+toGo[i+1], token{literal: s.data[i]}
		matches := s.matches[i]
		if len(matches) > 0 {
			distCost, dist := never, 0
			next := 0
			for length := min(matches[0].length, to-i); length >= minMatch; length-- {
				for next < len(matches) && matches[next].length >= length {
					symbol := matches[next].symbol
					if c := m.dist[symbol] + cost(distExtra(symbol))*costUnit; c < distCost {
						distCost, dist = c, matches[next].dist
					}
					next++
				}
				if c := lengthCost[length] + distCost + toGo[i+length]; c < best {
					best, what = c, token{length: length, dist: dist}
				}
			}
		}
		toGo[i], step[i] = best, what
	}
	var tokens []token
	for i := from; i < to; {
		tokens = append(tokens, step[i])
		i += max(1, step[i].length)
	}
	return tokens
}

// histogram counts symbols.
type histogram struct {
	lit  [numLit]int
	dist [numDist]int
}

// count counts the symbols of a block of tokens.
func count(tokens []token) *histogram {
	h := &histogram{}
	for _, t := range tokens {
		if t.length == 0 {
			h.lit[t.literal]++
			continue
		}
		h.lit[lengthSymbol[t.length]]++
		symbol, _, _ := distSymbol(t.dist)
		h.dist[symbol]++
	}
	h.lit[endOfBlock]++
	return h
}

// extraBits is what the tokens take besides their symbols.
func (h *histogram) extraBits() int {
	n := 0
	for symbol, c := range h.lit {
		n += c * lengthExtra[symbol]
	}
	for symbol, c := range h.dist {
		n += c * distExtra(symbol)
	}
	return n
}
