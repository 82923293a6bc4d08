package deflate

import "slices"

// The code lengths of a block are themselves sent as a sequence of symbols, run lengths included, in a Huffman code of
// 19 symbols (RFC 1951, section 3.2.7): 0 to 15 are a length, 16 repeats the one before 3 to 6 times, 17 is 3 to 10
// zeros, 18 is 11 to 138 zeros.
const (
	numMeta      = 19
	repeatBefore = 16
	zerosShort   = 17
	zerosLong    = 18
	maxMetaBits  = 7
	minLit       = 257 // the fewest literal and length codes that can be described
	minDist      = 1
)

// metaOrder is the order in which the lengths of that third code are sent; those at the end that are 0 are left out.
var metaOrder = [numMeta]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// metaToken is a symbol of the description, and how many lengths it stands for.
type metaToken struct{ symbol, n int }

// runs says, for the symbols that stand for several lengths, how many, and how many bits say so.
var runs = map[int]struct{ min, max, extra int }{
	repeatBefore: {3, 6, 2},
	zerosShort:   {3, 10, 3},
	zerosLong:    {11, 138, 7},
}

func metaExtra(symbol int) int { return runs[symbol].extra }

// metaCost is the number of bits of every symbol of the third code, extra bits included.
type metaCost [numMeta]int

// huffman returns the lengths, up to limit, of an optimal prefix code for the given counts: the package-merge algorithm.
// A code of one symbol gets a second one, because a prefix code of one symbol is not complete.
func huffman(counts []int, limit int) []int {
	type pack struct {
		weight int
		leaves []int
	}
	var leaves []pack
	for symbol, n := range counts {
		if n > 0 {
			leaves = append(leaves, pack{n, []int{symbol}})
		}
	}
	for symbol := 0; len(leaves) < 2; symbol++ {
		if counts[symbol] == 0 {
			leaves = append(leaves, pack{0, []int{symbol}})
		}
	}
	byWeight := func(a, b pack) int { return a.weight - b.weight }
	slices.SortStableFunc(leaves, byWeight)
	row := leaves
	for range limit - 1 {
		var pairs []pack
		for i := 0; i+1 < len(row); i += 2 {
			pairs = append(pairs, pack{row[i].weight + row[i+1].weight, slices.Concat(row[i].leaves, row[i+1].leaves)})
		}
		row = append(slices.Clone(leaves), pairs...)
		slices.SortStableFunc(row, byWeight)
	}
	lengths := make([]int, len(counts))
	for _, p := range row[:2*len(leaves)-2] {
		for _, symbol := range p.leaves {
			lengths[symbol]++
		}
	}
	return lengths
}

// lengthsFor returns the lengths of a complete prefix code, none longer than limit, for which the symbols and the
// description of the lengths together take the fewest bits, given what the symbols of the description cost. At least
// least lengths are described. It returns nil if limit is too small.
//
// It is dynamic programming over the symbols in order. What matters of the choices made so far is the length given last,
// because a repetition repeats it, and how much of the code space is used: a code is complete if the sum of 2^-length is
// 1, which is counted in units of 2^-limit.
//
// Only sums within an eighth of those of start, a complete code for the same counts, are looked at: that makes it some
// times faster and has not been seen to cost anything.
func lengthsFor(counts, start []int, limit, least int, meta *metaCost) []int {
	n, full := len(counts), 1<<limit
	used := make([]int, n+1) // how many of the symbols from i on are used
	for i := n - 1; i >= 0; i-- {
		used[i] = used[i+1]
		if counts[i] > 0 {
			used[i]++
		}
	}
	if used[0] > full {
		return nil
	}
	last := least
	for i, c := range counts {
		if c > 0 {
			last = max(last, i+1)
		}
	}
	// low and high bound the sums for the symbols up to i.
	low, high := make([]int, n+1), make([]int, n+1)
	for i, sum := 0, 0; i <= n; i++ {
		low[i], high[i] = max(0, sum-full/band), min(full, sum+full/band)
		if i < len(start) && start[i] > 0 {
			sum += full >> min(start[i], limit)
		}
	}
	const none = int32(1 << 30)
	type step struct {
		cost          int32
		before        uint8 // the length given last before this token
		symbol, count uint8 // the token
	}
	width := full + 1
	layer := (limit + 1) * width
	table := make([]step, (n+1)*layer)
	for i := range table {
		table[i].cost = none
	}
	at := func(i, length, space int) *step { return &table[i*layer+length*width+space] }
	reach := func(i, length, space int, c int32, before, symbol, count int) {
		if space < low[i] || space > high[i] && i < last {
			return
		}
		if s := at(i, length, space); c < s.cost {
			*s = step{c, uint8(before), uint8(symbol), uint8(count)}
		}
	}
	// "No length yet" is the same as a length of 0 that may not be repeated; a repetition of zeros never pays, since
	// there are symbols for that.
	at(0, 0, 0).cost = 0
	for i := range last {
		for space := low[i]; space <= high[i] && space+used[i] <= full; space++ {
			before, least := 0, none
			for length := range limit + 1 {
				if c := at(i, length, space).cost; c < least {
					before, least = length, c
				}
			}
			if least == none {
				continue
			}
			if counts[i] == 0 {
				reach(i+1, 0, space, least+int32(meta[0]), before, 0, 1)
				for _, symbol := range [...]int{zerosShort, zerosLong} {
					for k := runs[symbol].min; k <= runs[symbol].max && i+k <= last && used[i] == used[i+k]; k++ {
						reach(i+k, 0, space, least+int32(meta[symbol]), before, symbol, k)
					}
				}
			}
			for length := 1; length <= limit; length++ {
				unit := 1 << (limit - length)
				if to := space + unit; to+used[i+1] <= full {
					reach(i+1, length, to, least+int32(meta[length]+length*counts[i]), before, length, 1)
				}
				c := at(i, length, space).cost
				if c == none {
					continue
				}
				c += int32(meta[repeatBefore])
				to, bits := space, 0
				for k := 1; k <= 6 && i+k <= last; k++ {
					to += unit
					bits += length * counts[i+k-1]
					if to+used[i+k] > full {
						break
					}
					if k >= 3 {
						reach(i+k, length, to, c+int32(bits), length, repeatBefore, k)
					}
				}
			}
		}
	}
	lengths := make([]int, n)
	end := 0
	for length := range limit + 1 {
		if at(last, length, full).cost < at(last, end, full).cost {
			end = length
		}
	}
	if at(last, end, full).cost == none {
		return nil
	}
	for i, length, space := last, end, full; i > 0; {
		s := at(i, length, space)
		for k := range int(s.count) {
			lengths[i-1-k] = length
			if length > 0 {
				space -= 1 << (limit - length)
			}
		}
		i -= int(s.count)
		length = int(s.before)
	}
	return lengths
}

// tokenize returns the cheapest description of lengths, given what its symbols cost.
func tokenize(lengths []int, meta *metaCost) []metaToken {
	n := len(lengths)
	toGo := make([]int, n+1)
	step := make([]metaToken, n)
	for i := n - 1; i >= 0; i-- {
		toGo[i], step[i] = meta[lengths[i]]+toGo[i+1], metaToken{lengths[i], 1}
		same := 1
		for i+same < n && lengths[i+same] == lengths[i] {
			same++
		}
		for symbol := repeatBefore; symbol < numMeta; symbol++ {
			if symbol == repeatBefore && (i == 0 || lengths[i] != lengths[i-1]) || symbol != repeatBefore && lengths[i] != 0 {
				continue
			}
			for k := runs[symbol].min; k <= min(same, runs[symbol].max); k++ {
				if c := meta[symbol] + toGo[i+k]; c < toGo[i] {
					toGo[i], step[i] = c, metaToken{symbol, k}
				}
			}
		}
	}
	var tokens []metaToken
	for i := 0; i < n; i += step[i].n {
		tokens = append(tokens, step[i])
	}
	return tokens
}

// description is how a block describes its codes.
type description struct {
	lit, dist []int // lengths of the codes, without zeros at the end that need not be sent
	meta      []int // lengths of the third code
	tokens    []metaToken
	bits      int
}

// cost returns what the symbols cost in this description; those that it does not use get an estimate.
func (d *description) cost() *metaCost {
	var c metaCost
	for symbol, bits := range d.meta {
		if bits == 0 {
			bits = maxMetaBits
		}
		c[symbol] = bits + metaExtra(symbol)
	}
	return &c
}

// band is the part of the code space by which lengthsFor may stray from Huffman's code: one in so many.
const band = 8

// typicalMeta is where the search for a description starts.
var typicalMeta = metaCost{3, 5, 5, 5, 4, 4, 3, 3, 3, 4, 5, 6, 7, 7, 7, 7, 4 + 2, 4 + 3, 4 + 7}

// describe returns the best description that it finds of the code lengths lit and dist.
func describe(lit, dist []int, start *metaCost) *description {
	trim := func(lengths []int, least int) []int {
		n := len(lengths)
		for n > least && lengths[n-1] == 0 {
			n--
		}
		return lengths[:n]
	}
	lit, dist = trim(lit, minLit), trim(dist, minDist)
	all := slices.Concat(lit, dist)
	var best *description
	for meta := start; ; meta = best.cost() {
		d := &description{lit: lit, dist: dist, tokens: tokenize(all, meta)}
		counts := make([]int, numMeta)
		for _, t := range d.tokens {
			counts[t.symbol]++
		}
		d.meta = huffman(counts, maxMetaBits)
		d.bits = 5 + 5 + 4 + 3*d.metaSent()
		for symbol, c := range counts {
			d.bits += c * (d.meta[symbol] + metaExtra(symbol))
		}
		if best != nil && d.bits >= best.bits {
			return best
		}
		best = d
	}
}

// metaSent is how many lengths of the third code are sent.
func (d *description) metaSent() int {
	n := numMeta
	for n > 4 && d.meta[metaOrder[n-1]] == 0 {
		n--
	}
	return n
}

// codes returns the bits of the codes of the given lengths (RFC 1951, section 3.2.2), reversed: they are written with
// the least significant bit first, but codes start with the most significant one.
func codes(lengths []int) []uint32 {
	out := make([]uint32, len(lengths))
	code := uint32(0)
	for length := 1; length <= 15; length++ {
		code <<= 1
		for symbol, l := range lengths {
			if l != length {
				continue
			}
			for bit := range length {
				out[symbol] |= code >> bit & 1 << (length - 1 - bit)
			}
			code++
		}
	}
	return out
}
