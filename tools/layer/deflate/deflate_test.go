package deflate

import (
	"bytes"
	"compress/flate"
	"fmt"
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
		"largest searched": append(noise(1000, 40), make([]byte, MaxOptimal-1000)...),
		"left to flate":    append(noise(1000, 40), make([]byte, MaxOptimal)...),
	}
}

// What is compressed is what comes out again, and it is never longer than the standard library's best.
func TestCompress(t *testing.T) {
	for name, data := range inputs() {
		got := Compress(data)
		if !bytes.Equal(inflate(t, got), data) {
			t.Errorf("%s: something else comes out", name)
		}
		if most := len(standard(data)); len(got) > most {
			t.Errorf("%s: %d bytes, but the standard library needs %d", name, len(got), most)
		}
	}
}

// The output depends on the input alone.
func TestCompressIsDeterministic(t *testing.T) {
	for name, data := range inputs() {
		if !bytes.Equal(Compress(data), Compress(data)) {
			t.Errorf("%s: two runs differ", name)
		}
	}
}

// Every block accounts for its bits exactly; the search compares nothing but these sums.
func TestBitsAreExact(t *testing.T) {
	for name, data := range inputs() {
		if len(data) == 0 || len(data) > 3000 {
			continue
		}
		s := newSearch(data)
		fixed := s.fixed(0, len(data))
		for kind, b := range map[string]*block{
			"fixed": fixed, "quick": quick(0, len(data), fixed.tokens), "thorough": thorough(quick(0, len(data), fixed.tokens)),
		} {
			var w bitWriter
			b.write(&w, true)
			if got := 8*len(w.bytes) - w.free; got != b.bits {
				t.Errorf("%s, %s: has %d bits, but says %d", name, kind, got, b.bits)
			}
			if !bytes.Equal(inflate(t, w.bytes), data) {
				t.Errorf("%s, %s: something else comes out", name, kind)
			}
		}
	}
}

// The searched code pays off: on data like a layer of machine code it beats the standard library by three per cent and more.
func TestSearchPaysOff(t *testing.T) {
	data := inputs()["like a layer"]
	if own, std := len(optimal(data)), len(standard(data)); own > std*97/100 {
		t.Errorf("%d bytes; the standard library needs %d", own, std)
	}
}

// Code lengths are a complete code (Kraft's sum is 1) and cost no more than Huffman's with its description.
func TestLengthsFor(t *testing.T) {
	counts := count(newSearch(noise(700, 100)).fixed(0, 700).tokens).lit[:]
	start := huffman(counts, 15)
	for limit := 7; limit <= 9; limit++ {
		lengths := lengthsFor(counts, start, limit, minLit, &typicalMeta)
		sum := 0
		for symbol, l := range lengths {
			if l > 0 {
				sum += 1 << (limit - l)
			}
			if l > limit || counts[symbol] > 0 && l == 0 {
				t.Errorf("limit %d: symbol %d has length %d", limit, symbol, l)
			}
		}
		if sum != 1<<limit {
			t.Errorf("limit %d: the code is not complete: %d of %d", limit, sum, 1<<limit)
		}
	}
	if lengthsFor(counts, start, 5, minLit, &typicalMeta) != nil {
		t.Error("a hundred symbols cannot have codes of 5 bits")
	}
}

// Package-merge is optimal and keeps to its limit: Fibonacci's numbers make Huffman's longest codes.
func TestHuffmanKeepsToItsLimit(t *testing.T) {
	counts := []int{1, 1, 2, 3, 5, 8, 13, 21, 34, 55}
	if got, want := huffman(counts, 15), []int{9, 9, 8, 7, 6, 5, 4, 3, 2, 1}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	sum := 0
	for _, l := range huffman(counts, 4) {
		if l > 4 {
			t.Errorf("a code has %d bits, of 4 allowed", l)
		}
		sum += 16 >> l
	}
	if sum != 16 {
		t.Errorf("the code of at most 4 bits is not complete: %d of 16", sum)
	}
}

// FuzzCompress: any input comes out as it went in, and no longer than the standard library's best.
func FuzzCompress(f *testing.F) {
	for _, data := range inputs() {
		if len(data) < 1000 {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 2048 {
			return
		}
		got := Compress(data)
		if !bytes.Equal(inflate(t, got), data) {
			t.Fatal("something else comes out")
		}
		if len(got) > len(standard(data)) {
			t.Fatal("longer than the standard library's")
		}
	})
}

// BenchmarkSteps prints what each step saves, in bytes, on data like a layer.
func BenchmarkSteps(b *testing.B) {
	data := inputs()["like a layer"]
	for _, level := range []int{flate.HuffmanOnly, flate.BestSpeed, flate.DefaultCompression, flate.BestCompression} {
		b.Run(fmt.Sprintf("flate level %d", level), func(b *testing.B) {
			var out bytes.Buffer
			for b.Loop() {
				out.Reset()
				w, _ := flate.NewWriter(&out, level)
				w.Write(data)
				w.Close()
			}
			b.ReportMetric(float64(out.Len()), "B-out")
		})
	}
	s := newSearch(data)
	report := func(name string, make func() *block) {
		b.Run(name, func(b *testing.B) {
			var out *block
			for b.Loop() {
				out = make()
			}
			b.ReportMetric(float64((out.bits+7)/8), "B-out")
		})
	}
	n := len(data)
	fixed := s.fixed(0, n)
	report("best parse, fixed codes", func() *block { return s.fixed(0, n) })
	report("and Huffman codes", func() *block { return quick(0, n, fixed.tokens) })
	report("and cheap descriptions", func() *block { return thorough(quick(0, n, fixed.tokens)) })
	report("and in turns", func() *block { return s.dynamic(0, n, 1, modelOf(fixedLit[:], fixedDist[:], never)) })
	report("and disturbed", func() *block { return newSearch(data).best() })
}
