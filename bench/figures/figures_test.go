package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"os"
	"path/filepath"
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
	need.NoError(t, err)
	c, err := measureBuild()
	need.NoError(t, err)
	root := filepath.Dir(readme)
	files, outdated, err := c.generate(os.DirFS(root))
	need.NoError(t, errors.Join(err, outdated))
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
		need.NoError(t, os.WriteFile(filepath.Join(dir, "bazelw"), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
		got, err := measurements[0].measure(t.Context(), dir)
		if got != want || (err != nil) != (want == "") || err != nil && !strings.Contains(err.Error(), "no crun") {
			t.Errorf("%s: got %q, %v; want %q", script, got, err, want)
		}
	}
}

// The picture is XML with everything that is to be seen, and no text lies on another or goes beyond the edge, if letters are as
// wide as 8 pixels, which most are not.
func TestPicture(t *testing.T) {
	var svg struct {
		Texts []struct {
			X    float64 `xml:"x,attr"`
			Y    float64 `xml:"y,attr"`
			Text string  `xml:",chardata"`
		} `xml:"text"`
	}
	drawn := drawSizes(lib.Size{Program: 405, Image: 939}, append([]lib.Size{{Name: "ordinary Go, linux/amd64 & others", Image: 730_000}}, lib.Published...))
	need.NoError(t, xml.Unmarshal(drawn, &svg))
	right := func(x float64, text string) float64 { return x + 8*float64(len(text)) }
	all := map[string]bool{}
	for i, a := range svg.Texts {
		all[a.Text] = true
		if a.X < 0 || right(a.X, a.Text) > width {
			t.Errorf("%q goes from %.0f to %.0f, and the picture ends at %d", a.Text, a.X, right(a.X, a.Text), width)
		}
		for _, b := range svg.Texts[:i] {
			if a.X < right(b.X, b.Text) && b.X < right(a.X, a.Text) && max(a.Y, b.Y)-min(a.Y, b.Y) < 14 {
				t.Errorf("%q and %q lie on one another", a.Text, b.Text)
			}
		}
	}
	for _, want := range []string{"pause", "939 bytes of image", "linux/amd64 & others", "730 kB of image", "registry.k8s.io/pause:3.9", "1,837 times ours"} {
		if !all[want] {
			t.Errorf("no %q in %v", want, all)
		}
	}
}
