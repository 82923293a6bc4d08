package deflate

import (
	"bytes"
	"compress/flate"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
)

func inflate(t testing.TB, compressed []byte) []byte {
	t.Helper()
	r := bytes.NewReader(compressed)
	data, err := io.ReadAll(flate.NewReader(r))
	if err != nil {
		t.Fatalf("the standard library cannot read it: %v", err)
	}
	if r.Len() > 0 {
		t.Fatalf("%d bytes follow the end of the stream", r.Len())
	}
	return data
}

func noise(n int, symbols int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(r.IntN(symbols))
	}
	return data
}

// inputs are shapes of data that reach different kinds of block and code.
func inputs() map[string][]byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return map[string][]byte{
		"empty":            {},
		"one byte":         {7},
		"two bytes":        {0, 255},
		"one match":        []byte("aaaa"),
		"one distance":     bytes.Repeat([]byte{0}, 2048),
		"longest matches":  bytes.Repeat([]byte("ab"), 1000),
		"text":             bytes.Repeat([]byte("to be or not to be, that is the question; "), 20),
		"noise":            noise(600, 256),
		"few symbols":      noise(3000, 5),
		"every byte":       all,
		"like a layer":     slices.Concat([]byte("pause"), make([]byte, 500), noise(500, 90), make([]byte, 1500)),
		"largest searched": append(noise(1000, 40), make([]byte, MaxSearched-1000)...),
		"left to flate":    append(noise(1000, 40), make([]byte, MaxSearched)...),
	}
}

func whole(data []byte) *parser { return newParser(data, findMatches(data), 0) }

// Parts come out as one, and pay off where text and noise alternate: noise is stored, and text matches text before it.
func TestCompressParts(t *testing.T) {
	text, random := bytes.Repeat([]byte("to be or not to be, that is the question; "), 20), noise(600, 256)
	parts := [][]byte{text, random, text, {}, random[:300], nil}
	data := bytes.Join(parts, nil)
	got := Compress(parts...)
	if !bytes.Equal(inflate(t, got), data) {
		t.Fatal("something else comes out")
	}
	if most := len(Compress(text, random)) + 20; len(got) > most {
		t.Errorf("%d bytes, of which the second half should take 20; want at most %d", len(got), most)
	}
	if one := len(Compress(data[:len(text)+len(random)])); len(Compress(text, random)) >= one {
		t.Errorf("as one block it has %d bytes, in parts %d", one, len(Compress(text, random)))
	}
	tooLarge := append(parts, make([]byte, MaxSearched))
	if !bytes.Equal(inflate(t, Compress(tooLarge...)), bytes.Join(tooLarge, nil)) {
		t.Error("too large to be searched: something else comes out")
	}
}

// What is compressed is what comes out again. It is never longer than the standard library's best, and always the same.
func TestCompress(t *testing.T) {
	for name, data := range inputs() {
		t.Run(name, func(t *testing.T) { checkCompress(t, data) })
	}
}

// FuzzCompress is TestCompress for any input.
func FuzzCompress(f *testing.F) {
	f.Add([]byte("aaaa"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) <= 2048 {
			checkCompress(t, data)
		}
	})
}

func checkCompress(t *testing.T, data []byte) {
	t.Helper()
	got := Compress(data)
	if !bytes.Equal(inflate(t, got), data) {
		t.Error("something else comes out")
	}
	if most := len(standard(data)); len(got) > most {
		t.Errorf("%d bytes, but the standard library needs %d", len(got), most)
	}
	if !bytes.Equal(got, Compress(data)) {
		t.Error("two runs differ")
	}
}

// Every block accounts for its bits exactly; the search compares nothing but these sums.
func TestBitsAreExact(t *testing.T) {
	for name, data := range inputs() {
		if len(data) == 0 || len(data) > 3000 {
			continue
		}
		tokens := whole(data).parse(fixedModel())
		for kind, b := range map[string]*block{
			"fixed": fixedBlock(tokens), "Huffman": huffmanBlock(tokens, count(tokens)), "better": huffmanBlock(tokens, count(tokens)).withBetterCodes(new(table)),
		} {
			var w bitWriter
			b.write(&w, true)
			if got := 8*len(w.bytes) - w.free; got != b.bits {
				t.Errorf("%s, %s codes: has %d bits, but says %d", name, kind, got, b.bits)
			}
			if !bytes.Equal(inflate(t, w.bytes), data) {
				t.Errorf("%s, %s codes: something else comes out", name, kind)
			}
		}
	}
}

// The searched code pays off: on data like a layer of machine code it beats the standard library by three per cent and more.
func TestSearchPaysOff(t *testing.T) {
	data := inputs()["like a layer"]
	if own, std := len(searched(data, [][]byte{data})), len(standard(data)); own > std*97/100 {
		t.Errorf("%d bytes; the standard library needs %d", own, std)
	}
}

// The parse is as cheap as any, whatever the symbols cost.
func TestParseIsCheapest(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 0))
	var pieces []byte // of the same noise, of any length
	for range 12 {
		at := r.IntN(100)
		pieces = append(pieces, noise(200, 256)[at:at+5+r.IntN(80)]...)
	}
	for name, data := range map[string][]byte{
		"pieces": pieces, "few symbols": noise(400, 3), "zeros": slices.Concat(make([]byte, 300), noise(50, 2), make([]byte, 300)),
	} {
		p := whole(data)
		for range 5 {
			m := &model{}
			for i := range m.litLen {
				m.litLen[i] = costUnit + cost(r.IntN(12*int(costUnit)))
			}
			for i := range m.dist {
				m.dist[i] = costUnit + cost(r.IntN(12*int(costUnit)))
			}
			tokens := p.parse(m)
			var got cost
			for symbol, n := range count(tokens).litLen {
				got += cost(n) * (m.litLen[symbol] + cost(lengthExtra[symbol])*costUnit)
			}
			for symbol, n := range count(tokens).dist {
				got += cost(n) * (m.dist[symbol] + cost(distExtra(symbol))*costUnit)
			}
			if want := cheapestParse(data, m); got != want {
				t.Errorf("%s: costs %d, but there is one for %d", name, got, want)
			}
			var w bitWriter
			fixedBlock(tokens).write(&w, true)
			if !bytes.Equal(inflate(t, w.bytes), data) {
				t.Errorf("%s: something else comes out", name)
			}
		}
	}
}

// cheapestParse returns what the cheapest parse costs. It tries every length of every match.
func cheapestParse(data []byte, m *model) cost {
	toGo := make([]cost, len(data)+1)
	toGo[len(data)] = m.litLen[endOfBlock]
	for i := len(data) - 1; i >= 0; i-- {
		toGo[i] = m.litLen[data[i]] + toGo[i+1]
		for dist := 1; dist <= i; dist++ {
			d, _ := distSymbol(dist)
			for n := 1; n <= maxMatch && i+n <= len(data) && data[i+n-1] == data[i+n-1-dist]; n++ {
				if n >= minMatch {
					l := lengthSymbol[n]
					toGo[i] = min(toGo[i], m.litLen[l]+m.dist[d]+cost(lengthExtra[l]+distExtra(d))*costUnit+toGo[i+n])
				}
			}
		}
	}
	return toGo[0]
}

// Code lengths are the cheapest together with their description: no others within the band take fewer bits.
func TestLengthsAreCheapest(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 0))
	for n := 5; n < 300; n += 1 + n/3 {
		const limit = 5
		counts := make([]int, n)
		for range min(n/2, 20) {
			counts[r.IntN(min(n, 100))] = 1 + r.IntN(8)
		}
		counts[0], counts[n-1] = 1, 3
		var bits clBits
		for symbol := range bits {
			bits[symbol] = 1 + r.IntN(maxCLLength) + clRuns[symbol].extra
		}
		start := huffman(counts, limit)
		search := newLengthSearch(new(table), counts, start, limit, n)
		lengths := search.lengths(&bits)
		got := cheapestLengths(counts, limit, &bits, func(i, length, _ int) bool { return lengths[i] == length })
		if spent := int(budget/256 - search.row(n, anyLength)[0]/256); spent != got {
			t.Errorf("%d symbols: the search found %d bits, but the lengths take %d", n, spent, got)
		}
		// What the first symbols take may differ by an eighth of the code space.
		sums := make([]int, n+1)
		for i, length := range start {
			sums[i+1] = sums[i]
			if length > 0 {
				sums[i+1] += 1 << (limit - length)
			}
		}
		want := cheapestLengths(counts, limit, &bits, func(i, _, space int) bool {
			return i == n-1 || max(space-sums[i+1], sums[i+1]-space) <= 1<<limit/band
		})
		if got != want {
			t.Errorf("%d symbols: %d bits, but %d are possible", n, got, want)
		}
	}
	counts := slices.Repeat([]int{1}, 100)
	if newLengthSearch(new(table), counts, huffman(counts, maxLength), 5, 100).lengths(&typicalCLBits) != nil {
		t.Error("a hundred symbols cannot have codes of 5 bits")
	}
}

// cheapestLengths returns how many bits symbols and description take at least. The length of symbol i, and the code space
// that the symbols up to it take, have to be allowed where the description goes on to its next symbol.
func cheapestLengths(counts []int, limit int, bits *clBits, allowed func(i, length, space int) bool) int {
	const impossible = 1 << 30
	type state struct{ i, last, space int }
	known := map[state]int{}
	var from func(s state) int
	from = func(s state) int {
		if s.i == len(counts) {
			if s.space == 1<<limit {
				return 0
			}
			return impossible
		}
		if b, ok := known[s]; ok {
			return b
		}
		best := impossible
		for length := range limit + 1 {
			b, space := 0, s.space
			for k := 1; k <= 138 && s.i+k <= len(counts); k++ {
				i := s.i + k - 1
				if length == 0 && counts[i] > 0 {
					break
				}
				b += length * counts[i]
				if length > 0 {
					space += 1 << (limit - length)
				}
				if space > 1<<limit {
					break
				}
				symbol := -1
				switch {
				case k == 1:
					symbol = length
				case length == 0 && k >= 3 && k <= 10:
					symbol = zerosShort
				case length == 0 && k >= 11:
					symbol = zerosLong
				case length > 0 && length == s.last && k >= 3 && k <= 6:
					symbol = copyPrevious
				}
				if symbol >= 0 && allowed(i, length, space) {
					best = min(best, b+bits[symbol]+from(state{s.i + k, length, space}))
				}
			}
		}
		known[s] = best
		return best
	}
	return from(state{})
}

// Huffman's codes are optimal and keep to their limit: Fibonacci's numbers make the longest ones.
func TestHuffman(t *testing.T) {
	counts := []int{1, 1, 2, 3, 5, 8, 13, 21, 34, 55}
	if got, want := huffman(counts, 15), []int{9, 9, 8, 7, 6, 5, 4, 3, 2, 1}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	sum, bits := 0, 0
	for symbol, l := range huffman(counts, 4) {
		if l > 4 {
			t.Errorf("a code has %d bits, of 4 allowed", l)
		}
		sum += 16 >> l
		bits += l * counts[symbol]
	}
	if sum != 16 {
		t.Errorf("the code of at most 4 bits is not complete: %d of 16", sum)
	}
	if want := cheapestLengths(counts, 4, &clBits{copyPrevious: 99, zerosShort: 99, zerosLong: 99}, func(int, int, int) bool { return true }); bits != want {
		t.Errorf("the code of at most 4 bits takes %d bits, but %d are possible", bits, want)
	}
	if got, want := huffman([]int{0, 0, 7}, 15), []int{1, 0, 1}; !slices.Equal(got, want) {
		t.Errorf("a single symbol: got %v, want %v", got, want)
	}
}
