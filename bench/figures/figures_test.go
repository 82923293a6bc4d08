package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"example.com/pause/bench/lib"
	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/targets"
)

// Every generated block and plot is what the build and the stored measurements give.
func TestDocuments(t *testing.T) {
	need.That(t, os.Getenv("PAUSE_README") != "", "PAUSE_README is not set: it names the README.md of the checkout, and bazel test sets it")
	readme, err := targets.Locate("PAUSE_README")
	if err != nil {
		t.Fatal(err)
	}
	c, err := measureBuild()
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Dir(readme)
	files, outdated, err := c.generate(os.DirFS(root))
	if err := errors.Join(err, outdated); err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s, %v: it differs from what ./bazelw run //:figures writes", name, err)
		}
	}
}

// sample is what no test has to wait for.
func sample() *contents {
	return &contents{blocks: map[string]string{"sizes": "new\n"}, sizes: []byte("<svg/>"), program: 405}
}

// Blocks of the build get their text between empty lines, those of measurements stay, and so does everything else. To write
// again changes nothing.
func TestGenerate(t *testing.T) {
	root := fstest.MapFS{
		"README.md": {Data: []byte("# Title\n<!-- figures: sizes -->\nold\n<!-- /figures -->\nbetween\n<!-- figures: latency -->\nmeasured\n<!-- /figures -->\n" +
			"    <!-- figures: shown, as code -->\n")},
		"docs/a.md": {Data: []byte("text\n\n    program, bytes  405  1605794\n")},
	}
	want := "# Title\n<!-- figures: sizes -->\n\nnew\n\n<!-- /figures -->\nbetween\n<!-- figures: latency -->\nmeasured\n<!-- /figures -->\n" +
		"    <!-- figures: shown, as code -->\n"
	for range 2 {
		files, outdated, err := sample().generate(root)
		if err != nil || outdated != nil || string(files["README.md"]) != want || !bytes.Equal(files["docs/a.md"], root["docs/a.md"].Data) {
			t.Fatalf("got %q, %v, %v; want %q", files["README.md"], outdated, err, want)
		}
		for name, content := range files {
			root[name] = &fstest.MapFile{Data: content}
		}
	}
	c := sample()
	c.program = 404
	if _, outdated, err := c.generate(root); err != nil || outdated == nil {
		t.Errorf("measured with another program: %v, %v", outdated, err)
	}
}

// A document whose markers are not right is an error that names the block.
func TestGenerateRefuses(t *testing.T) {
	for _, text := range []string{
		"",
		"<!-- figures: sizes -->\n",
		"<!-- figures: sizess -->\n<!-- /figures -->\n",
		"<!-- figures: latency -->\n<!-- figures: sizes -->\n<!-- /figures -->\n",
		"<!-- figures: sizes -->\n<!-- / figures -->\n",
	} {
		files, _, err := sample().generate(fstest.MapFS{"README.md": {Data: []byte(text)}})
		if err == nil || !strings.HasSuffix(err.Error(), "for sizes") {
			t.Errorf("%q: got %q, %v; want an error with the block's name", text, files, err)
		}
	}
}

// A measurement is what its command prints, and an error if that fails.
func TestMeasure(t *testing.T) {
	for script, want := range map[string]string{"echo $*": "    run //bench/latency --\n", "echo no crun >&2; exit 1": ""} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "bazelw"), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		got, err := measurements[0].measure(t.Context(), dir)
		if got != want || (err != nil) != (want == "") || err != nil && !strings.Contains(err.Error(), "no crun") {
			t.Errorf("%s: got %q, %v; want %q", script, got, err, want)
		}
	}
}

// The picture is XML with everything that is to be seen, and no text lies on another or goes beyond the edge.
func TestPicture(t *testing.T) {
	texts := textsOf(t, drawSizes(lib.Size{Program: 405, Image: 939}, append([]lib.Size{{Name: "ordinary Go, linux/amd64 & others", Image: 730_000}}, lib.Published...)))
	all := map[string]bool{}
	for i, a := range texts {
		all[a.text] = true
		if a.left < 0 || a.right > width {
			t.Errorf("%q goes from %.0f to %.0f, and the picture ends at %d", a.text, a.left, a.right, width)
		}
		for _, b := range texts[:i] {
			if a.left < b.right && b.left < a.right && max(a.y, b.y)-min(a.y, b.y) < 14 {
				t.Errorf("%q and %q lie on one another", a.text, b.text)
			}
		}
	}
	for _, want := range []string{"pause", "939 bytes of image", "linux/amd64 & others", "730 kB of image", "registry.k8s.io/pause:3.9", "1,837 times ours"} {
		if !all[want] {
			t.Errorf("no %q in %v", want, all)
		}
	}
}

// A placed is a text and where it is, if letters are as wide as 8 pixels, which most are not.
type placed struct {
	text           string
	left, right, y float64
}

func textsOf(t *testing.T, svg []byte) (texts []placed) {
	t.Helper()
	var now *placed
	for decoder := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return texts
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			now = nil
			if token.Name.Local == "text" {
				now = &placed{}
				for _, a := range token.Attr {
					switch v, _ := strconv.ParseFloat(a.Value, 64); a.Name.Local {
					case "x":
						now.left = v
					case "y":
						now.y = v
					}
				}
			}
		case xml.CharData:
			if now != nil {
				now.text = string(token)
				now.right = now.left + 8*float64(len(now.text))
				texts = append(texts, *now)
				now = nil
			}
		}
	}
}
