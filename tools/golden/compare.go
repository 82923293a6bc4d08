package golden

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strconv"
	"strings"
)

// advice is the last line of a comparison that found differences.
const advice = "if the change is meant, accept it: write the golden file anew"

// Compare returns nil if both records have the same digest. Otherwise it returns lines for people: both digests, then
// every difference (the path of a JSON field, the offset of a byte in a layer and what it belongs to), then what to do if
// the change is meant.
func Compare(want, got *Record) []string {
	if want.Digest == got.Digest {
		return nil
	}
	lines := []string{
		"expected " + want.Digest.String(),
		"got      " + got.Digest.String(),
	}
	switch {
	case !want.Explained():
		lines = append(lines, "the golden file keeps the digest only, so what changed cannot be shown")
	case (want.Index == nil) != (got.Index == nil):
		lines = append(lines, "one is an image, the other an image index")
	case want.Index != nil:
		lines = append(lines, compareJSON("index", want.Index, got.Index)...)
	default:
		lines = append(lines, compareJSON("config", want.Config, got.Config)...)
		lines = append(lines, compareLayers(want.Layers, got.Layers)...)
		lines = append(lines, compareJSON("manifest", want.Manifest, got.Manifest)...)
	}
	return append(lines, advice)
}

// compareJSON lists the fields in which two documents differ; where none does, the first byte that does.
func compareJSON(name string, want, got []byte) []string {
	if bytes.Equal(want, got) {
		return nil
	}
	wantFields, err := flatten(want)
	if err != nil {
		return []string{name + ": expected side is not JSON: " + err.Error()}
	}
	gotFields, err := flatten(got)
	if err != nil {
		return []string{name + " is not JSON: " + err.Error()}
	}
	paths := make([]string, 0, len(wantFields)+len(gotFields))
	for path := range wantFields {
		paths = append(paths, path)
	}
	for path := range gotFields {
		if _, both := wantFields[path]; !both {
			paths = append(paths, path)
		}
	}
	sort.Strings(paths)
	var lines []string
	for _, path := range paths {
		w, inWant := wantFields[path]
		g, inGot := gotFields[path]
		switch {
		case !inGot:
			lines = append(lines, fmt.Sprintf("%s%s: expected %s, got nothing", name, path, w))
		case !inWant:
			lines = append(lines, fmt.Sprintf("%s%s: expected nothing, got %s", name, path, g))
		case w != g:
			lines = append(lines, fmt.Sprintf("%s%s: expected %s, got %s", name, path, w, g))
		}
	}
	if lines == nil {
		i := FirstDifference(want, got)
		lines = append(lines, fmt.Sprintf("%s: the same fields in other bytes (order or spacing), first at byte %d: expected %q, got %q",
			name, i, window(want, i), window(got, i)))
	}
	return lines
}

// flatten maps the path of every leaf of a JSON document (".a.b[0]") to its JSON text. Empty objects and arrays are leaves.
func flatten(doc []byte) (map[string]string, error) {
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return nil, err
	}
	fields := map[string]string{}
	var walk func(path string, value any) error
	walk = func(path string, value any) error {
		switch v := value.(type) {
		case map[string]any:
			for key, sub := range v {
				step := "." + key
				if key == "" || strings.ContainsAny(key, ".[]\" /") {
					step = "[" + strconv.Quote(key) + "]"
				}
				if err := walk(path+step, sub); err != nil {
					return err
				}
			}
			if len(v) > 0 {
				return nil
			}
		case []any:
			for i, sub := range v {
				if err := walk(fmt.Sprintf("%s[%d]", path, i), sub); err != nil {
					return err
				}
			}
			if len(v) > 0 {
				return nil
			}
		}
		text, err := json.Marshal(value)
		fields[path] = string(text)
		return err
	}
	return fields, walk("", value)
}

func compareLayers(want, got [][]byte) []string {
	var lines []string
	if len(want) != len(got) {
		lines = append(lines, fmt.Sprintf("layers: expected %d, got %d", len(want), len(got)))
	}
	for i := range min(len(want), len(got)) {
		lines = append(lines, compareLayer(fmt.Sprintf("layer %d", i), want[i], got[i])...)
	}
	return lines
}

// compareLayer says where two layers differ: as stored, and in the tar inside.
func compareLayer(name string, want, got []byte) []string {
	if bytes.Equal(want, got) {
		return nil
	}
	lines := []string{describe(name+" as stored", want, got, "")}
	wantTar, wantErr := gunzip(want)
	gotTar, gotErr := gunzip(got)
	if wantErr != nil || gotErr != nil {
		return append(lines, name+": not gzip on both sides, so the tar inside cannot be compared")
	}
	if bytes.Equal(wantTar, gotTar) {
		return append(lines, name+": the tar inside is the same; only the compression differs")
	}
	i := FirstDifference(wantTar, gotTar)
	longer := gotTar
	if len(wantTar) > len(longer) {
		longer = wantTar
	}
	return append(lines, describe(name+", tar inside", wantTar, gotTar, Locate(longer, i)))
}

func describe(name string, want, got []byte, where string) string {
	i := FirstDifference(want, got)
	if where != "" {
		where = " (" + where + ")"
	}
	return fmt.Sprintf("%s: expected %d bytes, got %d, first difference at byte %d%s: expected % x, got % x",
		name, len(want), len(got), i, where, window(want, i), window(got, i))
}

// FirstDifference returns the index of the first byte that differs, or the length of the shorter one.
func FirstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// window returns the up to 16 bytes of data from offset i on.
func window(data []byte, i int) []byte {
	return data[min(i, len(data)):min(i+16, len(data))]
}

// maxTar bounds what gunzip returns, so that a crafted layer cannot take all memory.
const maxTar = 256 << 20

func gunzip(data []byte) ([]byte, error) {
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(zr, maxTar+1))
	if err == nil && len(out) > maxTar {
		err = fmt.Errorf("more than %d bytes when decompressed", maxTar)
	}
	return out, err
}

// headerFields are the fields of a USTAR header (POSIX.1-2017, pax, "ustar Interchange Format") by their end offset.
var headerFields = []struct {
	name string
	end  int
}{
	{"name", 100},
	{"mode", 108},
	{"uid", 116},
	{"gid", 124},
	{"size", 136},
	{"mtime", 148},
	{"checksum", 156},
	{"typeflag", 157},
	{"linkname", 257},
	{"magic", 263},
	{"version", 265},
	{"uname", 297},
	{"gname", 329},
	{"devmajor", 337},
	{"devminor", 345},
	{"prefix", 500},
	{"padding of the header", 512},
}

// HeaderField returns the name of the USTAR header field that has the byte at offset, which is from 0 to 511.
func HeaderField(offset int) string {
	for _, f := range headerFields {
		if offset < f.end {
			return f.name
		}
	}
	return "nothing"
}

// Locate says what the byte at offset of a tar archive belongs to: a field of the header of a file, its content, its
// padding, or the end of the archive.
func Locate(archive []byte, offset int) string {
	const block = 512
	reader := bytes.NewReader(archive)
	tr := tar.NewReader(reader)
	for {
		header, err := tr.Next()
		if err != nil {
			return "end of archive"
		}
		// The reader has consumed exactly the headers so far: what is left begins with the content.
		start := len(archive) - reader.Len()
		switch end := start + int(header.Size); {
		case offset < start-block:
			return "extended header of " + header.Name
		case offset < start:
			return HeaderField(offset-(start-block)) + " of " + header.Name
		case offset < end:
			return fmt.Sprintf("byte %d of %s", offset-start, header.Name)
		case offset < (end+block-1)/block*block:
			return "padding of " + header.Name
		}
	}
}

// Summary describes the record in one line: what it is, its digest and its size in bytes.
func (r *Record) Summary() string {
	if r.Index != nil {
		return fmt.Sprintf("image index %s, %d bytes", r.Digest, len(r.Index))
	}
	return fmt.Sprintf("image %s, %d bytes: manifest %d, config %d, layers %d", r.Digest,
		r.Bytes(), len(r.Manifest), len(r.Config), r.Bytes()-len(r.Manifest)-len(r.Config))
}

// Bytes returns the size of what the record has as stored, in bytes: of an image the manifest, the config and the layers.
func (r *Record) Bytes() int {
	n := len(r.Index) + len(r.Manifest) + len(r.Config)
	for _, layer := range r.Layers {
		n += len(layer)
	}
	return n
}
