package deflate

import "math/bits"

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

// withExtra returns the model whose costs include those of the extra bits.
func (m *model) withExtra() *model {
	all := *m
	for symbol := range all.litLen {
		all.litLen[symbol] += cost(lengthExtra[symbol]) * costUnit
	}
	for symbol := range all.dist {
		all.dist[symbol] += cost(distExtra(symbol)) * costUnit
	}
	return &all
}

// parser finds the cheapest way through an input.
type parser struct {
	data    []byte
	matches [][]match // by place
	start   int       // what stands before is there to be matched
	costs   *model    // of symbols with their extra bits
	toGo    minima    // by place: what the cheapest way to the end costs
	next    []token   // by place: the first token of that way
}

// newParser returns a parser of data from start on. matches are of data, or of something that begins with it.
func newParser(data []byte, matches [][]match, start int) *parser {
	return &parser{data: data, matches: matches, start: start, toGo: newMinima(len(data) + 1), next: make([]token, len(data))}
}

// parse returns the cheapest tokens for the data under m.
func (p *parser) parse(m *model) []token {
	p.costs = m.withExtra()
	n := len(p.data)
	p.toGo.set(n, m.litLen[endOfBlock])
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
	best := p.costs.litLen[p.data[i]] + p.toGo.at(i+1)
	// From long matches to short ones, more and more distances are possible. A cheaper one is better from its length on.
	var cheapest match
	distCost := never
	for _, m := range p.matches[i] {
		m.length = min(m.length, len(p.data)-i)
		if c := p.costs.dist[m.distSymbol]; c < distCost {
			best = p.try(i, best, cheapest, m.length+1, distCost)
			cheapest, distCost = m, c
		}
	}
	p.toGo.set(i, p.try(i, best, cheapest, minMatch, distCost))
}

// try compares what the cheapest way from place i costs so far with the ways that begin with match m, shortened to any
// length down to shortest. It returns what the cheapest way costs then.
func (p *parser) try(i int, best cost, m match, shortest int, distCost cost) cost {
	for length := m.length; length >= shortest; {
		// Lengths with the same symbol cost the same, so what counts is where they lead to.
		symbol := lengthSymbol[length]
		low := max(shortest, lengthBase[symbol])
		toGo := p.toGo.min(i+low, i+length)
		if c := p.costs.litLen[symbol] + distCost + toGo; c < best {
			for p.toGo.at(i+length) != toGo {
				length--
			}
			best, p.next[i] = c, token{length: length, dist: m.dist}
		}
		length = low - 1
	}
	return best
}

// minima is a row of costs, filled from its end, that knows the least of up to 63 neighbours without looking at each; a
// length symbol stands for up to 32 lengths. table[k][i] is the least of the 2^k costs from i on.
type minima struct{ table [6][]cost }

func newMinima(n int) minima {
	var m minima
	for k := range m.table {
		m.table[k] = make([]cost, n)
	}
	return m
}

func (m *minima) at(i int) cost { return m.table[0][i] }

func (m *minima) set(i int, c cost) {
	m.table[0][i] = c
	for k := 1; k < len(m.table); k++ {
		half := i + 1<<(k-1)
		if half < len(m.table[0]) {
			c = min(c, m.table[k-1][half])
		}
		m.table[k][i] = c
	}
}

// min returns the least cost of those from first to last.
func (m *minima) min(first, last int) cost {
	k := bits.Len(uint(last-first+1)) - 1
	return min(m.table[k][first], m.table[k][last+1-1<<k])
}
