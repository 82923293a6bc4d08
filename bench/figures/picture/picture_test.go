package picture_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strconv"
	"testing"

	"example.com/pause/bench/figures/picture"
)

// The picture is XML with a title and a description; its squares have the areas of what they stand for, one ground, and do
// not touch; each text is there.
func TestSquares(t *testing.T) {
	areas := []picture.Area{
		{Bytes: 900, Lines: []string{"ours & small", "900 bytes"}, Ours: true},
		{Bytes: 90_000, Lines: []string{"middle"}},
		{Bytes: 360_000, Lines: []string{"large"}},
	}
	svg := picture.Squares("a <title>", "what is seen", areas)
	if !bytes.Equal(svg, picture.Squares("a <title>", "what is seen", areas)) {
		t.Error("drawn twice, and not the same")
	}
	texts := map[string]string{}
	var sides, left []float64
	ground := -1.0
	var element string
	for decoder := xml.NewDecoder(bytes.NewReader(svg)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			element = token.Name.Local
			if element != "rect" {
				continue
			}
			value := map[string]float64{}
			for _, a := range token.Attr {
				if v, err := strconv.ParseFloat(a.Value, 64); err == nil {
					value[a.Name.Local] = v
				}
			}
			if value["width"] != value["height"] {
				t.Errorf("%v is no square", value)
			}
			bottom := value["y"] + value["height"]
			if ground < 0 {
				ground = bottom
			}
			if math.Abs(bottom-ground) > 0.11 {
				t.Errorf("one stands at %v, another at %v", ground, bottom)
			}
			sides, left = append(sides, value["width"]), append(left, value["x"])
		case xml.CharData:
			texts[string(token)] = element
		}
	}
	for text, element := range map[string]string{"a <title>": "title", "what is seen": "desc", "ours & small": "text", "900 bytes": "text", "large": "text"} {
		if texts[text] != element {
			t.Errorf("%q is in %q; want %s", text, texts[text], element)
		}
	}
	if len(sides) != len(areas) {
		t.Fatalf("%d squares of %d", len(sides), len(areas))
	}
	for i := range areas {
		want := float64(areas[i].Bytes) / float64(areas[2].Bytes)
		if got := sides[i] * sides[i] / (sides[2] * sides[2]); math.Abs(got-want) > want/50 {
			t.Errorf("%s has %.5f of the largest area; want %.5f", areas[i].Lines[0], got, want)
		}
		if i > 0 && left[i] < left[i-1]+sides[i-1] {
			t.Errorf("%s begins at %v, within the one before", areas[i].Lines[0], left[i])
		}
	}
}
