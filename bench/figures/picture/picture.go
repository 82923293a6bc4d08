// Package picture draws sizes as areas, to scale, in SVG.
package picture

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
)

// An Area is a thing and its size.
type Area struct {
	Bytes int64
	Lines []string // what stands below it; the first is its name
	Ours  bool     // whether it is to stand out
}

// The picture, in SVG's units, which are pixels if nothing scales it.
const (
	largest = 300 // the side of the largest square
	column  = 165 // the least width that the text below a square has
	margin  = 20
	top     = 20
	leading = 20 // from a line of text to the next
)

// Squares draws areas as squares side by side, each as large as its bytes compared with the others. The picture is
// readable on a light and on a dark ground, and has a title and a description for those who do not see it. Its bytes
// depend on the arguments alone.
func Squares(title, description string, areas []Area) []byte {
	var most int64
	lines := 0
	for _, a := range areas {
		most = max(most, a.Bytes)
		lines = max(lines, len(a.Lines))
	}
	var shapes bytes.Buffer
	x := float64(margin)
	ground := float64(top + largest)
	for _, a := range areas {
		side := largest * math.Sqrt(float64(a.Bytes)/float64(most))
		class := "other"
		if a.Ours {
			class = "ours"
		}
		fmt.Fprintf(&shapes, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", class, x, ground-side, side, side)
		for i, line := range a.Lines {
			class := "more"
			if i == 0 {
				class = "name"
			}
			fmt.Fprintf(&shapes, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", class, x, ground+float64(26+i*leading), escaped(line))
		}
		x += max(side, column) + margin
	}
	height := top + largest + 26 + lines*leading

	var out bytes.Buffer
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%d" viewBox="0 0 %.0f %d" role="img" aria-labelledby="title description">
<title id="title">%s</title>
<desc id="description">%s</desc>
<style>
text { font: 15px "Liberation Sans", Arial, Helvetica, sans-serif; fill: #1f2328 }
.name { font-weight: bold }
.ours { fill: #d55e00 }
.other { fill: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .ours { fill: #ff8b3d }
  .other { fill: #6e7681 }
}
</style>
`, x, height, x, height, escaped(title), escaped(description))
	out.Write(shapes.Bytes())
	out.WriteString("</svg>\n")
	return out.Bytes()
}

// escaped is text as the content of an XML element.
func escaped(text string) string {
	var b bytes.Buffer
	// A bytes.Buffer takes everything.
	_ = xml.EscapeText(&b, []byte(text))
	return b.String()
}
