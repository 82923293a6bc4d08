package anatomy

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"example.com/pause/tools/layer/deflate"
)

// gzipHeader are the fields that every gzip member begins with (RFC 1952).
var gzipHeader = []struct {
	length  int
	meaning string
}{
	{2, "the magic number of gzip"},
	{1, "compression: DEFLATE"},
	{1, "flags: no name, no comment, nothing else"},
	{4, "date: none"},
	{1, "how hard it was compressed: as hard as can be"},
	{1, "the system that it was made on: not told"},
}

// gzipPart explains one gzip member that has no optional fields, and returns what it holds.
func gzipPart(member []byte) (Part, []byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(member))
	if err != nil {
		return Part{}, nil, err
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		return Part{}, nil, err
	}
	if member[3] != 0 {
		return Part{}, nil, fmt.Errorf("the flags %#x say that there are optional fields", member[3])
	}
	var ranges []Range
	at := 0
	for _, f := range gzipHeader {
		ranges = append(ranges, Range{Offset: at, Length: f.length, Meaning: f.meaning})
		at += f.length
	}
	const trailer = 8
	compressed := member[at : len(member)-trailer]
	bits, inflated, err := inflate(compressed)
	if err != nil {
		return Part{}, nil, err
	}
	if !bytes.Equal(inflated, content) {
		return Part{}, nil, errors.New("what was explained is not what it holds")
	}
	ranges = append(ranges, Range{Offset: at, Length: len(compressed), Meaning: "the archive, compressed; see below"})
	at += len(compressed)
	ranges = append(ranges,
		Range{Offset: at, Length: 4, Meaning: "CRC-32 of the archive"},
		Range{Offset: at + 4, Length: 4, Meaning: fmt.Sprintf("the size of the archive: %d", binary.LittleEndian.Uint32(member[at+4:]))})
	return Part{
		Title: "The layer", Note: "The archive as a registry stores it: one gzip member (RFC 1952) around DEFLATE data (RFC 1951).",
		Data: member, Sections: []Section{{Ranges: ranges}}, Bits: bits,
	}, content, nil
}

// inflate reads DEFLATE data, and tells for its bits what they say. The ranges cover all of data.
func inflate(data []byte) (ranges []Bits, out []byte, err error) {
	r := &bitReader{data: data}
	from := 0
	cut := func(format string, args ...any) {
		if r.at > from {
			ranges = append(ranges, Bits{Offset: from, Length: r.at - from, Meaning: fmt.Sprintf(format, args...)})
		}
		from = r.at
	}
	for last := false; !last; {
		last = r.bits(1) == 1
		kind := r.bits(2)
		which := "a block, and more follow"
		if last {
			which = "the last block"
		}
		var codes codes
		switch kind {
		case 0:
			cut("%s; it is stored as it is", which)
			r.at = (r.at + 7) / 8 * 8
			cut("up to a whole byte")
			length, complement := r.bits(16), r.bits(16)
			if length^complement != 0xffff {
				return nil, nil, errors.New("the length of what is stored, and its complement, differ")
			}
			cut("how many bytes are stored: %d", length)
			if r.at/8+length > len(data) {
				return nil, nil, io.ErrUnexpectedEOF
			}
			out = append(out, data[r.at/8:][:length]...)
			r.at += 8 * length
			cut("the bytes")
			continue
		case 1:
			cut("%s; its codes are those of the RFC", which)
			codes = fixed
		case 2:
			cut("%s; its codes are its own", which)
			literals, distances, lengths := r.bits(5)+257, r.bits(5)+1, r.bits(4)+4
			cut("how many codes are described: %d for bytes and lengths, %d for distances, %d for these descriptions", literals, distances, lengths)
			if codes, err = r.codes(literals, distances, lengths, cut); err != nil {
				return nil, nil, err
			}
		default:
			return nil, nil, fmt.Errorf("a block of type %d, which this knows nothing about", kind)
		}
		start := r.at
		var literals, copies, copied, literalBits int
		for {
			before := r.at
			symbol, err := codes.literals.read(r)
			if err != nil {
				return nil, nil, err
			}
			if symbol == endOfBlock {
				end := r.at
				r.at = before
				cut("%d bytes in %d bits, and %d copies of bytes before, %d bytes in all, in %d bits", literals, literalBits, copies, copied, before-start-literalBits)
				r.at = end
				cut("the end of the block")
				break
			}
			if symbol < endOfBlock {
				out = append(out, byte(symbol))
				literals++
				literalBits += r.at - before
				continue
			}
			length, distance, err := codes.copy(r, symbol)
			if err != nil {
				return nil, nil, err
			}
			if distance > len(out) {
				return nil, nil, errors.New("a copy from before the beginning")
			}
			for range length {
				out = append(out, out[len(out)-distance])
			}
			copies++
			copied += length
		}
	}
	if r.at > 8*len(data) {
		return nil, nil, io.ErrUnexpectedEOF
	}
	r.at = (r.at + 7) / 8 * 8
	cut("up to a whole byte")
	if r.at != 8*len(data) {
		return nil, nil, errors.New("more follows the last block")
	}
	return ranges, out, nil
}

const endOfBlock = 256

// bitReader reads bits from the least significant of each byte on. Beyond the end they are zeros, which inflate notices.
type bitReader struct {
	data []byte
	at   int
}

// bits reads a number of n bits.
func (r *bitReader) bits(n int) int {
	v := 0
	for i := range n {
		if r.at/8 < len(r.data) {
			v |= int(r.data[r.at/8]>>(r.at%8)&1) << i
		}
		r.at++
	}
	return v
}

// A code is a prefix code: its codewords are as long as length says for each symbol, 0 for none.
type code struct {
	counts  [16]int // codewords of each length
	symbols []int   // in the order of their codewords
}

func newCode(lengths []int) code {
	var c code
	for length := 1; length < len(c.counts); length++ {
		for symbol, l := range lengths {
			if l == length {
				c.counts[length]++
				c.symbols = append(c.symbols, symbol)
			}
		}
	}
	return c
}

// read reads a symbol: the codewords of a length are consecutive numbers, which follow those of shorter ones.
func (c code) read(r *bitReader) (int, error) {
	word, first, index := 0, 0, 0
	for length := 1; length < len(c.counts); length++ {
		word |= r.bits(1)
		if word-first < c.counts[length] {
			return c.symbols[index+word-first], nil
		}
		index += c.counts[length]
		first = (first + c.counts[length]) << 1
		word <<= 1
	}
	return 0, errors.New("bits that are no codeword")
}

// codes are the two of a block.
type codes struct{ literals, distances code }

// fixed are the codes of blocks that bring none.
var fixed = func() codes {
	literals, distances := deflate.FixedLengths()
	return codes{newCode(literals[:]), newCode(distances[:])}
}()

// codes reads the description of a block's codes.
func (r *bitReader) codes(literals, distances, lengths int, cut func(string, ...any)) (codes, error) {
	order := []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	own := make([]int, len(order))
	for _, symbol := range order[:lengths] {
		own[symbol] = r.bits(3)
	}
	cut("the code in which the next are described: lengths of %d codewords", lengths)
	description := newCode(own)
	var all []int
	for len(all) < literals+distances {
		symbol, err := description.read(r)
		if err != nil {
			return codes{}, err
		}
		value, times := symbol, 1
		switch symbol {
		case 16:
			if len(all) == 0 {
				return codes{}, errors.New("a repetition of nothing")
			}
			value, times = all[len(all)-1], 3+r.bits(2)
		case 17:
			value, times = 0, 3+r.bits(3)
		case 18:
			value, times = 0, 11+r.bits(7)
		}
		for range times {
			all = append(all, value)
		}
	}
	if len(all) > literals+distances {
		return codes{}, errors.New("more lengths of codewords than there are codewords")
	}
	used := 0
	for _, length := range all {
		if length > 0 {
			used++
		}
	}
	cut("the codes: lengths of %d codewords, of which %d are in use", len(all), used)
	return codes{newCode(all[:literals]), newCode(all[literals:])}, nil
}

// copy reads the rest of what begins with a symbol for a length, and returns length and distance.
func (c codes) copy(r *bitReader, symbol int) (length, distance int, err error) {
	lengths := [...]struct{ base, bits int }{
		{3, 0},
		{4, 0},
		{5, 0},
		{6, 0},
		{7, 0},
		{8, 0},
		{9, 0},
		{10, 0},
		{11, 1},
		{13, 1},
		{15, 1},
		{17, 1},
		{19, 2},
		{23, 2},
		{27, 2},
		{31, 2},
		{35, 3},
		{43, 3},
		{51, 3},
		{59, 3},
		{67, 4},
		{83, 4},
		{99, 4},
		{115, 4},
		{131, 5},
		{163, 5},
		{195, 5},
		{227, 5},
		{258, 0},
	}
	i := symbol - endOfBlock - 1
	if i >= len(lengths) {
		return 0, 0, fmt.Errorf("the length %d does not exist", symbol)
	}
	length = lengths[i].base + r.bits(lengths[i].bits)
	if symbol, err = c.distances.read(r); err != nil {
		return 0, 0, err
	}
	switch {
	case symbol >= 30:
		return 0, 0, fmt.Errorf("the distance %d does not exist", symbol)
	case symbol < 4:
		distance = symbol + 1
	default:
		n := symbol/2 - 1
		distance = 1 + (2+symbol%2)<<n + r.bits(n)
	}
	return length, distance, nil
}
