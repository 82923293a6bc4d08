// Package deflate compresses small inputs, of a few kilobytes, into as few bits as it can find: RFC 1951 data that every
// inflater reads.
//
// A compressor such as compress/flate is made for speed and for large inputs. In an input of 2 kB the Huffman codes
// themselves, which have to be sent along, are a fifth of the output, and every decision about them counts. So here the
// decisions are searched, not guessed:
//
//   - The parse, what is a literal and what a match, is the cheapest path through all matches that there are, for given
//     costs of the symbols (see parse.go).
//   - The lengths of the Huffman codes are the cheapest for the sum of what the symbols take and what the description of
//     the code takes, not for the symbols alone as Huffman's algorithm has it (see lengths.go).
//   - One depends on the other, so they are computed in turns until nothing changes, from several starting points and
//     with deterministic disturbances that let them leave a local optimum (see search.go).
//
// The search is bounded, so there may be something smaller still. Everything in it is integer arithmetic, and the
// disturbances come from a fixed generator: what it finds is a function of the input alone, on every machine. (Floating point
// is not: compilers may fuse multiplications and additions.) What compress/flate makes, of an input that is too large to be
// searched, or where that happens to be smaller, may differ from one Go release to the next.
package deflate

import (
	"bytes"
	"compress/flate"
)

// MaxSearched is the largest input, in bytes, whose shortest form is searched for; the time grows with its square. Larger
// inputs are left to compress/flate.
const MaxSearched = 48 << 10

// Compress returns the parts, one after the other, as one complete DEFLATE stream (RFC 1951, no container), never longer than
// compress/flate's best. Each part is a block with a code of its own, or stored if that is shorter: a caller who knows where
// text ends and compressed data begins says so by parts. Matches reach from one part into those before it.
func Compress(parts ...[]byte) []byte {
	data := bytes.Join(parts, nil)
	best := standard(data)
	if len(data) > 0 && len(data) <= MaxSearched {
		if own := searched(data, parts); len(own) <= len(best) {
			best = own
		}
	}
	return best
}

// standard is the best that the standard library does, over all its levels.
func standard(data []byte) []byte {
	var best []byte
	for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
		var b bytes.Buffer
		// The writer fails for bad levels and failing writers only.
		w, err := flate.NewWriter(&b, level)
		if err != nil {
			panic(err)
		}
		w.Write(data)
		w.Close()
		if best == nil || b.Len() < len(best) {
			best = b.Bytes()
		}
	}
	return best
}

// searched is the best that the search finds for data, which is parts one after the other.
func searched(data []byte, parts [][]byte) []byte {
	var w bitWriter
	matches := findMatches(data)
	end := 0
	for n, part := range parts {
		start := end
		end += len(part)
		final := n == len(parts)-1
		if b := shortestBlock(newParser(data[:end], matches, start)); b.bits <= w.storedBits(part) {
			b.write(&w, final)
		} else {
			w.store(part, final)
		}
	}
	return w.bytes
}
