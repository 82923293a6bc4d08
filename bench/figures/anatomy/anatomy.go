// Package anatomy takes an image apart, down to its last byte: what each range of bytes is, and what it is there for.
//
// It reads an image of one file, a program of tools/freestanding/elfpack for linux/amd64, in one layer of tools/layer. What it does not
// know how to explain is an error: a table with a gap would be no proof that nothing could be left out.
package anatomy

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/oci"
)

// A Part is a sequence of bytes that is explained: a file, an archive, a document.
type Part struct {
	Title    string
	Note     string // Markdown: what it is, and where it is
	Data     []byte
	Sections []Section
	Bits     []Bits // of the compressed data, if the part has any: its ranges of bits
}

// A Section is a number of ranges that belong together.
type Section struct {
	Title  string // Markdown; may be ""
	Ranges []Range
}

// A Range is bytes of a Part that mean one thing.
type Range struct {
	Offset, Length int
	Text           bool   // whether the bytes are text, to be shown as such
	Meaning        string // Markdown
}

// Bits are a range of bits, counted as RFC 1951 does: from the least significant bit of each byte on.
type Bits struct {
	Offset, Length int
	Meaning        string
}

// Image explains the image for linux/amd64 in the layout in folder dir. linked is its program as cmd/link wrote it: the
// same code, with symbols. The parts are in the order in which an image is made: program, archive, layer, config, manifest.
func Image(dir string, linked []byte) ([]Part, error) {
	layout, err := oci.Open(dir)
	if err != nil {
		return nil, err
	}
	m, err := layout.Only()
	if err != nil {
		return nil, err
	}
	if m, err = m.Select(v1.Platform{OS: "linux", Architecture: "amd64"}); err != nil {
		return nil, err
	}
	if len(m.Layers) != 1 {
		return nil, fmt.Errorf("%s: %d layers; one is what can be explained", dir, len(m.Layers))
	}
	blob, err := layout.Blob(m.Layers[0].Digest)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	layer, err := io.ReadAll(blob)
	if err != nil {
		return nil, err
	}

	compressed, archive, err := gzipPart(layer)
	if err != nil {
		return nil, fmt.Errorf("the layer: %w", err)
	}
	tarred, program, err := tarPart(archive)
	if err != nil {
		return nil, fmt.Errorf("the archive: %w", err)
	}
	elf, err := elfPart(program, linked)
	if err != nil {
		return nil, fmt.Errorf("the program: %w", err)
	}
	config, err := jsonPart(m.ConfigRaw, configMembers)
	if err != nil {
		return nil, fmt.Errorf("the config: %w", err)
	}
	config.Title, config.Note = "The config", "What a container of the image is started with, in canonical form."
	manifest, err := jsonPart(m.Raw, manifestMembers)
	if err != nil {
		return nil, fmt.Errorf("the manifest: %w", err)
	}
	manifest.Title, manifest.Note = "The manifest", "What a registry is asked for: it names the config and the layer. Its SHA-256 is the image's digest."

	parts := []Part{elf, tarred, compressed, config, manifest}
	for _, p := range parts {
		if err := p.Check(); err != nil {
			return nil, err
		}
	}
	return parts, nil
}

// Check returns an error unless the ranges cover the part from its first byte to its last, each byte once.
func (p Part) Check() error {
	at := 0
	for _, s := range p.Sections {
		for _, r := range s.Ranges {
			if r.Offset != at || r.Length < 1 {
				return fmt.Errorf("%s: a range of %d bytes at %d (%s), where the one before ends at %d", p.Title, r.Length, r.Offset, r.Meaning, at)
			}
			at += r.Length
		}
	}
	if at != len(p.Data) {
		return fmt.Errorf("%s: the ranges end at %d, the bytes at %d", p.Title, at, len(p.Data))
	}
	at = 0
	for _, b := range p.Bits {
		if b.Offset != at || b.Length < 1 {
			return fmt.Errorf("%s: a range of %d bits at %d (%s), where the one before ends at %d", p.Title, b.Length, b.Offset, b.Meaning, at)
		}
		at += b.Length
	}
	return nil
}

// Markdown writes parts as tables.
func Markdown(parts []Part) string {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "### %s: %d bytes\n\n%s\n\n", p.Title, len(p.Data), p.Note)
		for _, s := range p.Sections {
			if s.Title != "" {
				fmt.Fprintf(&b, "%s\n\n", s.Title)
			}
			b.WriteString("| offset | length | bytes | meaning |\n|--:|--:|---|---|\n")
			for _, r := range s.Ranges {
				fmt.Fprintf(&b, "| %d | %d | %s | %s |\n", r.Offset, r.Length, show(p.Data[r.Offset:][:r.Length], r.Text), r.Meaning)
			}
			b.WriteString("\n")
		}
		if len(p.Bits) > 0 {
			b.WriteString("The compressed data, bit by bit:\n\n| bit | bits | meaning |\n|--:|--:|---|\n")
			for _, r := range p.Bits {
				fmt.Fprintf(&b, "| %d | %d | %s |\n", r.Offset, r.Length, r.Meaning)
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

// longest is how many bytes are shown as numbers before the rest is left out.
const longest = 16

// show writes bytes as Markdown: as text or as numbers, and zeros at the end, if there are many, by their number.
func show(data []byte, text bool) string {
	content := bytes.TrimRight(data, "\x00")
	zeros := len(data) - len(content)
	if !text && zeros <= 8 {
		content, zeros = data, 0
	}
	var shown []string
	switch {
	case len(content) == 0:
	case text:
		shown = append(shown, "`"+strings.NewReplacer("\n", `\n`, "\x00", `\0`).Replace(string(content))+"`")
	case len(content) > longest:
		shown = append(shown, fmt.Sprintf("`% x` ...", content[:longest/2]))
	default:
		shown = append(shown, fmt.Sprintf("`% x`", content))
	}
	switch {
	case zeros == 1:
		shown = append(shown, "`00`")
	case zeros > 1:
		shown = append(shown, fmt.Sprintf("%d x `00`", zeros))
	}
	return strings.Join(shown, " ")
}
