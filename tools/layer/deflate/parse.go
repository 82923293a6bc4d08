package deflate

import "slices"

// token is a literal (length 0) or a match.
type token struct {
	literal      byte
	length, dist int
}

// A cost is a number of bits times costUnit. The search weighs fractions of bits; codewords have whole ones.
type cost = int32

const (
	costUnit cost = 64
	never    cost = 1 << 24
)

// model has the cost of every symbol, without extra bits.
type model struct {
	litLen [numLitLen]cost
	dist   [numDist]cost
}

// window is how far back a match may reach.
const window = 32 << 10

// match says that what follows a place also stands dist bytes before. It is the longest one at its place among those whose
// distances have the same symbol, and so take the same number of bits.
type match struct {
	length, dist, distSymbol int
}

// findMatches returns, for every place in data, the matches that are worth knowing, the longest first.
func findMatches(data []byte) [][]match {
	found := make([][]match, len(data))
	// lengths[dist] is how long the match is at the place at hand, going backwards through data.
	lengths := make([]int, len(data))
	for i := len(data) - 1; i > 0; i-- {
		dist := 1
		for symbol := 0; dist <= min(i, window); symbol++ {
			longest := match{length: minMatch - 1, distSymbol: symbol}
			for end := min(i+1, dist+1<<distExtra(symbol)); dist < end; dist++ {
				if data[i] != data[i-dist] {
					lengths[dist] = 0
					continue
				}
				lengths[dist] = min(lengths[dist]+1, maxMatch)
				if lengths[dist] > longest.length {
					longest.length, longest.dist = lengths[dist], dist
				}
			}
			if longest.dist > 0 {
				found[i] = append(found[i], longest)
			}
		}
		slices.SortStableFunc(found[i], func(a, b match) int { return b.length - a.length })
	}
	return found
}

// parser finds the cheapest way through an input.
type parser struct {
	data    []byte
	matches [][]match          // by place
	start   int                // what stands before is there to be matched
	costs   *model             // of symbols
	lengths [maxMatch + 1]cost // of the length of a match, extra bits included
	dists   [numDist]cost      // of a distance by its symbol, extra bits included
	toGo    []cost             // by place: what the cheapest way to the end costs
	next    []token            // by place: the first token of that way
}

// newParser returns a parser of data from start on. matches are of data, or of something that begins with it.
func newParser(data []byte, matches [][]match, start int) *parser {
	return &parser{data: data, matches: matches, start: start, toGo: make([]cost, len(data)+1), next: make([]token, len(data))}
}

// parse returns the cheapest tokens for the data under m.
func (p *parser) parse(m *model) []token {
	p.costs = m
	for length, symbol := range lengthSymbol {
		p.lengths[length] = m.litLen[symbol] + cost(lengthExtra[symbol])*costUnit
	}
	for symbol, c := range m.dist {
		p.dists[symbol] = c + cost(distExtra(symbol))*costUnit
	}
	n := len(p.data)
	p.toGo[n] = m.litLen[endOfBlock]
	for i := n - 1; i >= p.start; i-- {
		p.step(i)
	}
	var tokens []token
	for i := p.start; i < n; {
		tokens = append(tokens, p.next[i])
		i += max(1, p.next[i].length)
	}
	return tokens
}

// step finds the cheapest way from place i, given those from all places after it. If two cost the same, a literal is
// preferred to a match, and a longer match to a shorter one.
func (p *parser) step(i int) {
	p.next[i] = token{literal: p.data[i]}
	p.toGo[i] = p.costs.litLen[p.data[i]] + p.toGo[i+1]
	// From long matches to short ones, more and more distances are possible. A cheaper one is better from its length on.
	var cheapest match
	distCost := never
	for _, m := range p.matches[i] {
		m.length = min(m.length, len(p.data)-i)
		if c := p.dists[m.distSymbol]; c < distCost {
			p.try(i, cheapest, m.length+1, distCost)
			cheapest, distCost = m, c
		}
	}
	p.try(i, cheapest, minMatch, distCost)
}

// try compares the cheapest way from place i so far with the ways that begin with match m, shortened to any length down to
// shortest.
func (p *parser) try(i int, m match, shortest int, distCost cost) {
	best, toGo, lengths := p.toGo[i], p.toGo[i:i+m.length+1], p.lengths[:m.length+1]
	for length := m.length; length >= shortest; length-- {
		if c := lengths[length] + distCost + toGo[length]; c < best {
			best, p.next[i] = c, token{length: length, dist: m.dist}
		}
	}
	p.toGo[i] = best
}
