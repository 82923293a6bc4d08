package deflate

// lengthSearch finds the lengths of a complete prefix code for which the symbols and the header's description of the code
// together take the fewest bits. Huffman's algorithm minimises what the symbols take, and nothing else.
//
// It is dynamic programming over the symbols in order. A state is how many symbols have their length already, the length
// given last, because copyPrevious repeats it, and how much of the code space is taken: a code is complete if the sum of
// 2^-length is 1, which is counted in units of 2^-limit.
type lengthSearch struct {
	limit    int      // of the lengths
	prefixes []prefix // by how many symbols
	table    *table
}

// table has the rows of states, see row. Every search fills it anew.
type table [numLitLen + 1][maxLitLenTried + 2][2<<maxLitLenTried/band + 1]state

// prefix is what is known about the first symbols of the alphabet, however many.
type prefix struct {
	occurrences int // of all of them together
	unused      int // how many of the last ones, without a gap, do not occur
	low, high   int // bounds of the code space that they take
}

// state is the cheapest way to a state: 256 times what it leaves of a budget of bits, plus its last step. So the larger of two
// is the better one, and the zero value is a state that no way leads to. In the row of a length, the step is how many symbols
// got that length at once. In the row of anyLength, it is maxLength minus the length given last.
type state int32

const (
	lastStep state = 0xff // mask
	// budget is more than MaxSearched literals and a header take.
	budget state = 1 << 22 * 256
	// band is how far the search strays from the code that it starts with: an eighth of the code space. The time grows with
	// it. With narrower bands most layers get larger by a byte or two.
	band = 8
)

// anyLength stands for whatever length was given last.
const anyLength = maxLength + 1

// newLengthSearch prepares the search, in t, for symbols that occur as often as counts says. start has the lengths of a complete
// code for the same counts. limit is maxLitLenTried at most. At least least lengths are described.
func newLengthSearch(t *table, counts, start []int, limit, least int) *lengthSearch {
	return &lengthSearch{limit: limit, prefixes: prefixes(trim(counts, least), start, limit), table: t}
}

// prefixes returns the prefixes of symbols that occur as often as counts says: of 0 symbols, of 1, and so on.
func prefixes(counts, start []int, limit int) []prefix {
	full := 1 << limit
	all := make([]prefix, len(counts)+1)
	toCome := 0 // symbols that occur and are not in the prefix: each needs a unit of the code space
	for _, c := range counts {
		toCome += min(c, 1)
	}
	taken := 0 // by the prefix, in the code to start with
	for i, c := range counts {
		all[i].low, all[i].high = max(0, taken-full/band), min(full-toCome, taken+full/band)
		all[i+1].occurrences = all[i].occurrences + c
		if c == 0 {
			all[i+1].unused = all[i].unused + 1
		}
		toCome -= min(c, 1)
		if start[i] > 0 {
			taken += full >> min(start[i], limit)
		}
	}
	// All symbols together take all of the code space.
	all[len(counts)].low, all[len(counts)].high = max(full, taken-full/band), full
	return all
}

// row returns the states in which the first i symbols have a length, and length is the last one, by the code space that is
// taken, from low of the prefix on. With anyLength it has the best of all lengths.
func (s *lengthSearch) row(i, length int) []state {
	return s.table[i][min(length, maxLitLenTried+1)][:]
}

// lengths returns the best length of each symbol, given what the symbols of the header take, or nil if limit is too small
// for so many symbols.
func (s *lengthSearch) lengths(bits *clBits) []int {
	s.row(0, 0)[0], s.row(0, anyLength)[0] = budget, budget
	i, length, space := len(s.prefixes)-1, anyLength, 1<<s.limit
	for n := range i {
		s.fill(n+1, bits)
	}
	if s.row(i, length)[0] <= lastStep {
		return nil
	}
	// The cheapest way, from its end.
	lengths := make([]int, i)
	for i > 0 {
		at := space - s.prefixes[i].low
		if length == anyLength {
			length = maxLength - int(s.row(i, anyLength)[at]&lastStep)
		}
		n := int(s.row(i, length)[at] & lastStep)
		for range n {
			i--
			lengths[i] = length
			space -= s.space(length)
		}
		if length == 0 || n == 1 {
			length = anyLength
		}
	}
	return lengths
}

// space is how much of the code space a symbol with the length takes.
func (s *lengthSearch) space(length int) int {
	if length == 0 {
		return 0
	}
	return 1 << (s.limit - length)
}

// fill computes the rows of the first i symbols from those of fewer symbols. Of steps that are equally cheap, the one for the
// most symbols is the larger state. A length of 0 is never copied, because there are other symbols for runs of it.
func (s *lengthSearch) fill(i int, bits *clBits) {
	clear(s.table[i][:])
	for length := range s.limit + 1 {
		repeat := func(clSymbol, most, before int) {
			for n := min(most, clRuns[clSymbol].max); n >= clRuns[clSymbol].min; n-- {
				s.take(i, n, length, before, bits[clSymbol])
			}
		}
		if length > 0 {
			repeat(copyPrevious, i, length)
		} else {
			repeat(zerosLong, s.prefixes[i].unused, anyLength)
			repeat(zerosShort, s.prefixes[i].unused, anyLength)
		}
		if length > 0 || s.prefixes[i].unused > 0 {
			s.take(i, 1, length, anyLength, bits[length])
		}
		best, step := s.row(i, anyLength), state(maxLength-length)
		for at, here := range s.row(i, length) {
			best[at] = max(best[at], here&^lastStep+step)
		}
	}
}

// take puts, into a row of the first i symbols, the step that gives the last n of them a length, wherever it is the cheapest way
// so far. The header's symbol for it takes clBits.
func (s *lengthSearch) take(i, n, length, before, clBits int) {
	from, to := &s.prefixes[i-n], &s.prefixes[i]
	space := n * s.space(length)
	low, high := max(from.low+space, to.low), min(from.high+space, to.high)
	if low > high {
		return
	}
	change := state(n - 256*(clBits+length*(to.occurrences-from.occurrences)))
	states := s.row(i, length)[low-to.low : high-to.low+1]
	for at, start := range s.row(i-n, before)[low-space-from.low:][:len(states)] {
		states[at] = max(states[at], start&^lastStep+change)
	}
}
