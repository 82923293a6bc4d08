package deflate

import (
	"iter"
	"slices"
)

// lengthSearch finds the lengths of a complete prefix code for which the symbols and the header's description of the code
// together take the fewest bits. Huffman's algorithm minimises what the symbols take, and nothing else.
//
// It is dynamic programming over the symbols in order. A state is how many symbols have their length already, the length
// given last, because copyPrevious repeats it, and how much of the code space is taken: a code is complete if the sum of
// 2^-length is 1, which is counted in units of 2^-limit. Bits are paid from a budget. The table says for each state how much
// of the budget is left on the cheapest way to it, and 0 if there is no way, so that a cleared table has no states. The
// cheapest way itself is not stored: it is found by going back from the end.
type lengthSearch struct {
	limit    int      // of the lengths
	prefixes []prefix // by how many symbols
	table    []int32  // rows of states, see row
	width    int      // of a row
}

// prefix is what is known about the first symbols of the alphabet, however many.
type prefix struct {
	occurrences int // of all of them together
	unused      int // how many of the last ones, without a gap, do not occur
	low, high   int // bounds of the code space that they take
}

const (
	budget int32 = 1 << 30
	// band is how far the search strays from the code that it starts with: an eighth of the code space. The time grows with
	// it. With narrower bands most layers get larger by a byte or two.
	band = 8
)

// anyLength stands for whatever length was given last.
const anyLength = maxLength + 1

// newLengthSearch prepares the search for symbols that occur as often as counts says. start has the lengths of a complete
// code for the same counts. At least least lengths are described. The table uses memory, whatever is in it, if that is large
// enough (see lengthMemory).
func newLengthSearch(memory []int32, counts, start []int, limit, least int) *lengthSearch {
	s := &lengthSearch{limit: limit, prefixes: prefixes(trim(counts, least), start, limit), width: 1}
	for _, p := range s.prefixes {
		s.width = max(s.width, p.high-p.low+1)
	}
	size := len(s.prefixes) * (limit + 2) * s.width
	s.table = slices.Grow(memory[:0], size)[:size]
	return s
}

// lengthMemory is the size of the table for a literal/length code.
const lengthMemory = (numLitLen + 1) * (maxLitLenTried + 2) * (2*(1<<maxLitLenTried)/band + 1)

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
// taken, from low of the prefix on. With anyLength it has the most that is left for any length.
func (s *lengthSearch) row(i, length int) []int32 {
	at := (i*(s.limit+2) + min(length, s.limit+1)) * s.width
	return s.table[at : at+s.width]
}

// lengths returns the best length of each symbol, given what the symbols of the header take, or nil if limit is too small
// for so many symbols.
func (s *lengthSearch) lengths(bits *clBits) []int {
	clear(s.table)
	s.row(0, 0)[0], s.row(0, anyLength)[0] = budget, budget
	for i := 1; i < len(s.prefixes); i++ {
		s.fill(i, bits)
	}
	if s.row(len(s.prefixes)-1, anyLength)[0] == 0 {
		return nil
	}
	return s.trace(bits)
}

// fill computes the rows of the first i symbols from those of fewer symbols.
func (s *lengthSearch) fill(i int, bits *clBits) {
	for length := range s.limit + 1 {
		reached := false
		for step := range s.steps(i, length) {
			if s.take(step, i, length, bits) {
				reached = true
			}
		}
		if reached {
			row := s.row(i, length)
			most := s.row(i, anyLength)[:len(row)]
			for at, left := range row {
				most[at] = max(most[at], left)
			}
		}
	}
}

// lengthStep gives n symbols the same length, with one symbol of the header.
type lengthStep struct {
	n, clSymbol int
	before      int // the length given last before them; may be anyLength
}

// steps returns the ways to give length to the last of the first i symbols. Of those that are equally cheap, the one for the
// most symbols is taken, which comes first. A length of 0 is never copied, because there are other symbols for runs of it.
func (s *lengthSearch) steps(i, length int) iter.Seq[lengthStep] {
	return func(yield func(lengthStep) bool) {
		clSymbols, most, before := []int{copyPrevious}, i, length
		if length == 0 {
			clSymbols, most, before = []int{zerosLong, zerosShort}, s.prefixes[i].unused, anyLength
		}
		for _, clSymbol := range clSymbols {
			for n := min(most, clRuns[clSymbol].max); n >= clRuns[clSymbol].min; n-- {
				if !yield(lengthStep{n, clSymbol, before}) {
					return
				}
			}
		}
		if most > 0 {
			yield(lengthStep{1, length, anyLength})
		}
	}
}

// spends returns how many bits of the budget, and how much of the code space, a step to the first i symbols spends.
func (s *lengthSearch) spends(step lengthStep, i, length int, bits *clBits) (b int32, space int) {
	if length > 0 {
		space = step.n << (s.limit - length)
	}
	occurrences := s.prefixes[i].occurrences - s.prefixes[i-step.n].occurrences
	return int32(bits[step.clSymbol] + length*occurrences), space
}

// take raises what is left in the states of a row to what the step leaves. It returns false if no state is in reach.
func (s *lengthSearch) take(step lengthStep, i, length int, bits *clBits) bool {
	b, space := s.spends(step, i, length, bits)
	before, after := &s.prefixes[i-step.n], &s.prefixes[i]
	low, high := max(before.low+space, after.low), min(before.high+space, after.high)
	if low > high {
		return false
	}
	to := s.row(i, length)[low-after.low : high-after.low+1]
	from := s.row(i-step.n, step.before)[low-space-before.low:][:len(to)]
	for at, left := range from {
		to[at] = max(to[at], left-b)
	}
	return true
}

// trace goes the cheapest way back, and returns the lengths that it gives.
func (s *lengthSearch) trace(bits *clBits) []int {
	lengths := make([]int, len(s.prefixes)-1)
	i, length, space := len(s.prefixes)-1, anyLength, 1<<s.limit
	for i > 0 {
		length = s.resolve(i, length, space)
		step := s.stepTo(i, length, space, bits)
		_, taken := s.spends(step, i, length, bits)
		for k := i - step.n; k < i; k++ {
			lengths[k] = length
		}
		i, length, space = i-step.n, step.before, space-taken
	}
	return lengths
}

// resolve returns length, or if that is anyLength, the shortest length with which the most is left.
func (s *lengthSearch) resolve(i, length, space int) int {
	at := space - s.prefixes[i].low
	if most := s.row(i, length)[at]; length == anyLength {
		for length = 0; s.row(i, length)[at] != most; {
			length++
		}
	}
	return length
}

// stepTo returns the step that leaves what is left in a state.
func (s *lengthSearch) stepTo(i, length, space int, bits *clBits) lengthStep {
	left := s.row(i, length)[space-s.prefixes[i].low]
	for step := range s.steps(i, length) {
		b, taken := s.spends(step, i, length, bits)
		before := s.prefixes[i-step.n]
		at := space - taken - before.low
		if at >= 0 && at <= before.high-before.low && s.row(i-step.n, step.before)[at]-b == left {
			return step
		}
	}
	panic("no step leads to a state that is in reach")
}
