package deflate

import "iter"

// lengthSearch finds the lengths of a complete prefix code for which the symbols and the header's description of the code
// together take the fewest bits. Huffman's algorithm minimises the symbols alone.
//
// It is dynamic programming over the symbols in order. A state is how many symbols have their length already, the length
// given last, because copyPrevious repeats it, and how much of the code space is taken: a code is complete if the sum of
// 2^-length is 1, which is counted in units of 2^-limit. The table has what the cheapest way to each state takes. The way
// itself is found by going back from the end.
type lengthSearch struct {
	counts []int
	limit  int // of the lengths
	end    int // how many lengths are described; the symbols after them do not occur

	symbolCounts []int // by i: how often the first i symbols occur, all together
	unused       []int // by i: how many symbols in a row, the last of which is number i-1, do not occur
	low, high    []int // by i: bounds of the code space that the first i symbols take

	table []int32 // rows of the states, see row
	width int     // of a row
}

const (
	budget int32 = 1 << 30
	// band is how far the search strays from the code that it is given: an eighth of the code space. That makes it some
	// times faster and has not been seen to cost anything.
	band = 8
)

// newLengthSearch prepares the search for symbols that occur as often as counts says. start is a complete code for the same
// counts. At least least lengths are described.
func newLengthSearch(counts, start []int, limit, least int) *lengthSearch {
	n := len(trim(counts, least))
	s := &lengthSearch{
		counts: counts, limit: limit, end: n,
		symbolCounts: make([]int, n+1), unused: make([]int, n+1), low: make([]int, n+1), high: make([]int, n+1),
	}
	full := 1 << limit
	taken := 0     // by the first i symbols, in the code that is given
	remaining := 0 // symbols from number i on that occur; each needs a unit of code space
	for _, c := range counts {
		if c > 0 {
			remaining++
		}
	}
	for i := range n + 1 {
		s.low[i], s.high[i] = max(0, taken-full/band), min(full-remaining, taken+full/band)
		if i == n {
			break
		}
		if start[i] > 0 {
			taken += full >> min(start[i], limit)
		}
		s.symbolCounts[i+1] = s.symbolCounts[i] + counts[i]
		if counts[i] > 0 {
			remaining--
		} else {
			s.unused[i+1] = s.unused[i] + 1
		}
	}
	s.low[n], s.high[n] = max(s.low[n], full), full
	for i := range n + 1 {
		s.width = max(s.width, s.high[i]-s.low[i]+1)
	}
	s.table = make([]int32, (n+1)*(limit+2)*s.width)
	return s
}

// row returns what is left of the budget in the states in which the first i symbols have a length, and length is the last
// one, by the code space that they take, from low[i] to high[i]. If length is anyLength, it is the most for any length.
func (s *lengthSearch) row(i, length int) []int32 {
	at := (i*(s.limit+2) + length) * s.width
	return s.table[at : at+max(0, s.high[i]-s.low[i]+1)]
}

// anyLength stands for whatever length was given last.
func (s *lengthSearch) anyLength() int { return s.limit + 1 }

// lengths returns the best lengths, given what the symbols of the header take, or nil if limit is too small for the symbols.
func (s *lengthSearch) lengths(bits *clBits) []int {
	if s.high[0] < s.low[0] {
		return nil
	}
	clear(s.table)
	s.row(0, 0)[0] = budget
	s.row(0, s.anyLength())[0] = budget
	for i := 1; i <= s.end; i++ {
		most := s.row(i, s.anyLength())
		for length := range s.limit + 1 {
			if !s.fill(i, length, bits) {
				continue
			}
			for j, left := range s.row(i, length)[:len(most)] {
				most[j] = max(most[j], left)
			}
		}
	}
	if left := s.row(s.end, s.anyLength()); len(left) == 0 || left[0] == 0 {
		return nil
	}
	return s.trace(bits)
}

// fill computes a row from those before it.
func (s *lengthSearch) fill(i, length int, bits *clBits) bool {
	any := false
	for step := range s.steps(i, length) {
		any = s.take(step, i, length, bits) || any
	}
	return any
}

// lengthStep gives n symbols the same length, with one symbol of the header.
type lengthStep struct {
	n, clSymbol int
	before      int // the length given last before them; may be anyLength
}

// steps returns the ways to give length to the last of the first i symbols. Those that describe more symbols come first,
// and are preferred if two take the same number of bits.
func (s *lengthSearch) steps(i, length int) iter.Seq[lengthStep] {
	return func(yield func(lengthStep) bool) {
		if length > 0 {
			for n := min(i, 6); n >= 3; n-- {
				if !yield(lengthStep{n, copyPrevious, length}) {
					return
				}
			}
			if i > 0 {
				yield(lengthStep{1, length, s.anyLength()})
			}
			return
		}
		for n := min(s.unused[i], 138); n >= 3; n-- {
			clSymbol := zerosShort
			if n > 10 {
				clSymbol = zerosLong
			}
			if !yield(lengthStep{n, clSymbol, s.anyLength()}) {
				return
			}
		}
		if s.unused[i] > 0 {
			yield(lengthStep{1, 0, s.anyLength()})
		}
	}
}

// cost returns how many bits, and how much of the code space, a step to the first i symbols takes.
func (s *lengthSearch) cost(i, length int, step lengthStep, bits *clBits) (b int32, space int) {
	if length > 0 {
		space = step.n << (s.limit - length)
	}
	return int32(bits[step.clSymbol] + length*(s.symbolCounts[i]-s.symbolCounts[i-step.n])), space
}

// take raises what is left in a row, where a way with the step leaves more.
func (s *lengthSearch) take(step lengthStep, i, length int, bits *clBits) bool {
	b, space := s.cost(i, length, step, bits)
	offset := s.low[i] - space - s.low[i-step.n]
	if s.low[i-step.n]+space > s.high[i] || s.high[i-step.n]+space < s.low[i] {
		return false
	}
	to, from := s.row(i, length), s.row(i-step.n, step.before)
	if offset >= 0 {
		from = from[offset:]
	} else {
		to = to[-offset:]
	}
	if len(to) > len(from) {
		to = to[:len(from)]
	}
	from = from[:len(to)]
	for j, left := range from {
		to[j] = max(to[j], left-b)
	}
	return true
}

// trace goes back the cheapest way.
func (s *lengthSearch) trace(bits *clBits) []int {
	lengths := make([]int, len(s.counts))
	space := 1 << s.limit
	last := s.anyLength()
	for i := s.end; i > 0; {
		length := s.resolve(i, last, space)
		want := s.row(i, length)[space-s.low[i]]
		for step := range s.steps(i, length) {
			b, taken := s.cost(i, length, step, bits)
			from := i - step.n
			at := space - taken
			if at < s.low[from] || at > s.high[from] || s.row(from, step.before)[at-s.low[from]]-b != want {
				continue
			}
			for k := from; k < i; k++ {
				lengths[k] = length
			}
			i, space, last = from, at, step.before
			break
		}
	}
	return lengths
}

// resolve returns the shortest length that makes a state as cheap as any does, if length is anyLength.
func (s *lengthSearch) resolve(i, length, space int) int {
	if length != s.anyLength() {
		return length
	}
	at := space - s.low[i]
	for length = 0; s.row(i, length)[at] != s.row(i, s.anyLength())[at]; {
		length++
	}
	return length
}
