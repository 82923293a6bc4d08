package anatomy

import (
	"archive/tar"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// Ranges that cover all pass; a gap, an overlap, a range of nothing, and a rest are found, among bytes and among bits.
func TestCheck(t *testing.T) {
	part := func(ranges ...Range) Part {
		return Part{Title: "p", Data: make([]byte, 10), Sections: []Section{{Ranges: ranges[:1]}, {Ranges: ranges[1:]}}}
	}
	for name, test := range map[string]struct {
		part Part
		want string // in the error; "" for none
	}{
		"whole":     {part(Range{Offset: 0, Length: 4}, Range{Offset: 4, Length: 6}), ""},
		"gap":       {part(Range{Offset: 0, Length: 4}, Range{Offset: 5, Length: 5}), "at 5"},
		"overlap":   {part(Range{Offset: 0, Length: 4}, Range{Offset: 3, Length: 7}), "at 3"},
		"late":      {part(Range{Offset: 1, Length: 9}), "at 1"},
		"nothing":   {part(Range{Offset: 0, Length: 10}, Range{Offset: 10, Length: 0}), "0 bytes"},
		"rest":      {part(Range{Offset: 0, Length: 4}, Range{Offset: 4, Length: 5}), "end at 9"},
		"too much":  {part(Range{Offset: 0, Length: 11}), "end at 11"},
		"bits":      {Part{Bits: []Bits{{Offset: 0, Length: 3}, {Offset: 3, Length: 5}}}, ""},
		"gap, bits": {Part{Bits: []Bits{{Offset: 0, Length: 3}, {Offset: 4, Length: 4}}}, "at 4"},
	} {
		err := test.part.Check()
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v; want %q", name, err, test.want)
		}
	}
}

// Text is shown as such, zeros by their number, and long rows of numbers by their beginning.
func TestShow(t *testing.T) {
	for want, test := range map[string]struct {
		data string
		text bool
	}{
		"`pause` 95 x `00`":               {"pause" + strings.Repeat("\x00", 95), true},
		"`0000555` `00`":                  {"0000555\x00", true},
		"100 x `00`":                      {strings.Repeat("\x00", 100), true},
		"`02 00`":                         {"\x02\x00", false},
		"12 x `00`":                       {strings.Repeat("\x00", 12), false},
		"`pause\\n`":                      {"pause\n", true},
		"`61 61 61 61 61 61 61 61` ...":   {strings.Repeat("a", 17), false},
		"`00 00 00 00 00 00 00 00`":       {strings.Repeat("\x00", 8), false},
		"`{\"a\":[`":                      {`{"a":[`, true},
		"`b0 00 01 00 00 00 00 00`":       {"\xb0\x00\x01\x00\x00\x00\x00\x00", false},
		"`7f 45 4c 46`":                   {"\x7fELF", false},
		"`a\\0b`":                         {"a\x00b", true},
		"`ff` 9 x `00`":                   {"\xff" + strings.Repeat("\x00", 9), false},
		"`ff 00 00 00 00 00 00 00 00`":    {"\xff" + strings.Repeat("\x00", 8), false},
		"`00 01`":                         {"\x00\x01", false},
		"`0` `00`":                        {"0\x00", true},
		"`00`":                            {"\x00", true},
		"`00 00`":                         {"\x00\x00", false},
		"`48 48 48 48 48 48 48 48 48 48`": {strings.Repeat("H", 10), false},
	} {
		if got := show([]byte(test.data), test.text); got != want {
			t.Errorf("%q, text %v: got %s; want %s", test.data, test.text, got, want)
		}
	}
}

// What compress/flate writes is read bit by bit as what it was made of, with blocks of every kind that it makes of it.
func TestInflate(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 3000)
	for i := range noise {
		noise[i] = byte(random.IntN(12) * random.IntN(12))
	}
	kinds := map[string]bool{}
	for name, data := range map[string]string{
		"nothing": "", "a letter": "a", "short": "pause 1.0.0\n", "zeros": strings.Repeat("\x00", 2000), "noise": string(noise),
		"words": strings.Repeat("sleep reap exit ", 30) + "wait", "long distances": string(noise) + string(noise),
	} {
		for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
			var b bytes.Buffer
			w, err := flate.NewWriter(&b, level)
			if err != nil {
				t.Fatal(err)
			}
			w.Write([]byte(data))
			w.Close()
			bits, out, err := inflate(b.Bytes())
			if err != nil || string(out) != data {
				t.Errorf("%s, level %d: got %d bytes, %v; want %d", name, level, len(out), err, len(data))
				continue
			}
			p := Part{Title: name, Bits: bits}
			if err := p.Check(); err != nil {
				t.Error(err)
			}
			if last := bits[len(bits)-1]; last.Offset+last.Length != 8*b.Len() {
				t.Errorf("%s, level %d: the ranges end at bit %d; want %d", name, level, last.Offset+last.Length, 8*b.Len())
			}
			for _, r := range bits {
				kinds[r.Meaning] = true
			}
		}
	}
	for _, want := range []string{
		"a block, and more follow; its codes are its own", "a block, and more follow; its codes are those of the RFC", "the end of the block",
		"a block, and more follow; it is stored as it is", "the last block; it is stored as it is",
	} {
		if !kinds[want] {
			t.Errorf("no block was such: %s", want)
		}
	}
}

// Data that is cut short, goes on, or is of no block that is known is refused, and never a reason to run on.
func TestInflateRefuses(t *testing.T) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w.Write([]byte(strings.Repeat("sleep reap exit ", 30) + "wait"))
	w.Close()
	for n := range b.Len() {
		if _, _, err := inflate(b.Bytes()[:n]); err == nil {
			t.Errorf("accepted the first %d of %d bytes", n, b.Len())
		}
	}
	for name, data := range map[string][]byte{
		"more follows": append(bytes.Clone(b.Bytes()), 0), "stored, less than it says": {1, 2, 0, 0xfd, 0xff, 0},
		"stored, no complement": {1, 1, 0, 0, 0, 0}, "no type": {7}, "a copy of nothing": {3, 2, 0}, "nothing": {},
	} {
		if _, _, err := inflate(data); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// archive is a tar archive of files with a byte of content for each letter of their names.
func archive(t *testing.T, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(name)), Mode: 0o555, Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(name))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A layer of one file is explained without a gap, and gives back the file.
func TestLayer(t *testing.T) {
	var member bytes.Buffer
	w := gzip.NewWriter(&member)
	w.Write(archive(t, "pause"))
	w.Close()
	layer, content, err := gzipPart(member.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	tarred, file, err := tarPart(content)
	if err != nil || string(file) != "pause" {
		t.Fatalf("got the file %q, %v", file, err)
	}
	for _, p := range []Part{layer, tarred} {
		if err := p.Check(); err != nil {
			t.Error(err)
		}
	}
	text := Markdown([]Part{tarred})
	for _, want := range []string{"### The archive: 2048 bytes", "| 0 | 100 | `pause` 95 x `00` |", "| 124 | 12 | `00000000005` `00` |", "in octal: 5 |", "| 1024 | 1024 | 1024 x `00` |"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// What is more than one regular file, or is not what it says, is refused.
func TestLayerRefuses(t *testing.T) {
	good := archive(t, "pause")
	changed := func(change func(b []byte) []byte) []byte { return change(slices.Clone(good)) }
	for name, b := range map[string][]byte{
		"two files":     archive(t, "pause", "more"),
		"nothing":       nil,
		"no file":       archive(t),
		"a folder":      changed(func(b []byte) []byte { b[156] = '5'; return b }),
		"GNU":           changed(func(b []byte) []byte { copy(b[257:], "ustar  "); return b }),
		"no size":       changed(func(b []byte) []byte { b[124] = 'x'; return b }),
		"cut":           good[:515],
		"dirty padding": changed(func(b []byte) []byte { b[600] = 1; return b[:600] }),
		"dirty end":     changed(func(b []byte) []byte { b[1100] = 1; return b }),
		"one block":     good[:1536],
		"more blocks":   append(slices.Clone(good), make([]byte, 512)...),
	} {
		if _, _, err := tarPart(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	var named bytes.Buffer
	w := gzip.NewWriter(&named)
	w.Name = "layer"
	w.Write(good)
	w.Close()
	if _, _, err := gzipPart(named.Bytes()); err == nil {
		t.Error("accepted gzip with a name")
	}
	if _, _, err := gzipPart(good); err == nil {
		t.Error("accepted what is no gzip")
	}
}

// Each value of a document has a range with its name; what closes together is one; together they are the document.
func TestJSON(t *testing.T) {
	document := `{"config":{"Entrypoint":["/pause"],"User":"1:1"},"os":"linux","rootfs":{"diff_ids":["sha256:0"]}}`
	p, err := jsonPart([]byte(document), configMembers)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Check(); err != nil {
		t.Error(err)
	}
	var got []string
	for _, r := range p.Sections[0].Ranges {
		got = append(got, document[r.Offset:][:r.Length])
	}
	want := []string{`{`, `"config":{`, `"Entrypoint":[`, `"/pause"`, `],`, `"User":"1:1"`, `},`, `"os":"linux",`, `"rootfs":{`, `"diff_ids":[`, `"sha256:0"`, `]}}`}
	if !slices.Equal(got, want) {
		t.Errorf("got %q; want %q", got, want)
	}
	if last := p.Sections[0].Ranges[len(want)-1].Meaning; last != "end of rootfs.diff_ids, end of rootfs, end of the document" {
		t.Errorf("the end is called %q", last)
	}
	for name, wrong := range map[string]string{
		"unknown member": `{"config":{"Env":[]}}`, "unknown at the top": `{"created":"1970"}`, "no JSON": `{`, "two": `{}{}`, "nothing": ``,
	} {
		if _, err := jsonPart([]byte(wrong), configMembers); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
