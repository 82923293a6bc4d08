package main

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strings"

	"example.com/pause/bench/lib"
)

// A picture is SVG as wide as a phone, so that its text can be read on one. It has a ground of its own, a light and a dark one.
// Its bytes depend on what is drawn alone.
type picture struct {
	shapes strings.Builder
	y      float64 // where the next shape goes
}

const (
	width  = 400 // of a picture, in SVG's units, which are pixels if nothing scales it
	margin = 12
	line   = 20 // from a line of text to the next
)

// text writes a line of text at x, with its baseline at p.y.
func (p *picture) text(x float64, class, text string) {
	fmt.Fprintf(&p.shapes, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">%s</text>\n", x, p.y, class, escaped(text))
}

// rect draws a rectangle, filled as class says.
func (p *picture) rect(x, y, width, height float64, class string) {
	fmt.Fprintf(&p.shapes, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"%s\"/>\n", x, y, width, height, class)
}

// svg returns the picture. title and description are for those who do not see it.
//
// The colours are told apart by those who see colours differently as well: Okabe and Ito, Color Universal Design.
func (p *picture) svg(title, description string) []byte {
	height := p.y + margin
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%.0f" viewBox="0 0 %d %.0f" role="img" aria-labelledby="title description">
<title id="title">%s</title>
<desc id="description">%s</desc>
<style>
text { font: 14px "Liberation Sans", Arial, Helvetica, sans-serif; fill: #1f2328 }
.name { font-weight: bold }
.ground { fill: #ffffff }
.ours { fill: #d55e00 }
.other { fill: #8c959f }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .ground { fill: #0d1117 }
}
</style>
<rect width="%d" height="%.0f" rx="6" class="ground"/>
%s</svg>
`, width, height, width, height, escaped(title), escaped(description), width, height, p.shapes.String())
}

// escaped is text as the content of an XML element.
func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

// drawSizes draws ours and others as squares, one below the other, whose areas are their images, or, where that is not known,
// their programs.
func drawSizes(ours lib.Size, others []lib.Size) []byte {
	type area struct {
		bytes int64
		class string
		lines []string
	}
	areas := []area{{ours.Image, "ours", []string{"pause", fmt.Sprintf("%d bytes of image", ours.Image), fmt.Sprintf("%d bytes of program", ours.Program)}}}
	for _, o := range others {
		bytes, base, of := o.Image, ours.Image, "image"
		if bytes == 0 {
			bytes, base, of = o.Program, ours.Program, "program"
		}
		lines := append(strings.SplitN(o.Name, ", ", 2), kilobytes(bytes)+" of "+of, lib.Times(bytes, base)+" times ours")
		areas = append(areas, area{bytes, "other", lines})
	}
	slices.SortStableFunc(areas, func(a, b area) int { return cmp.Compare(a.bytes, b.bytes) })
	const largest = 120 // the side of the largest square
	p := picture{y: margin}
	var description []string
	for _, a := range areas {
		side := largest * math.Sqrt(float64(a.bytes)/float64(areas[len(areas)-1].bytes))
		top := p.y
		p.rect(margin, top, side, side, a.class)
		for i, text := range a.lines {
			class := "text"
			if i == 0 {
				class = "name"
			}
			p.y += line
			p.text(margin+largest+14, class, text)
		}
		p.y = max(p.y, top+side) + line
		description = append(description, strings.Join(a.lines, ", "))
	}
	p.y -= line
	return p.svg("The size of pause next to others, on amd64", "Squares whose areas are sizes. "+strings.Join(description, "; ")+".")
}

// kilobytes writes bytes in kB, with a digit after the point if there are less than a hundred.
func kilobytes(bytes int64) string {
	if bytes < 100_000 {
		return fmt.Sprintf("%.1f kB", float64(bytes)/1000)
	}
	return lib.Thousands((bytes+500)/1000) + " kB"
}
