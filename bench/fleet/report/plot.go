package report

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"slices"
	"strings"

	"example.com/pause/bench/fleet/meminfo"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// palette has a colour for each of meminfo.Components, told apart by those who see colours differently as well: Okabe and Ito,
// Color Universal Design.
var palette = []color.Color{
	color.RGBA{0x00, 0x72, 0xb2, 0xff},
	color.RGBA{0xe6, 0x9f, 0x00, 0xff},
	color.RGBA{0x00, 0x9e, 0x73, 0xff},
	color.RGBA{0x56, 0xb4, 0xe9, 0xff},
	color.RGBA{0xd5, 0x5e, 0x00, 0xff},
	color.RGBA{0xcc, 0x79, 0xa7, 0xff},
	color.RGBA{0xf0, 0xe4, 0x42, 0xff},
}

// SVG writes a plot: on the left, the memory of a container in each run, by component; on the right, how many started a
// second, as the number of those that run grew.
func (r Report) SVG(w io.Writer) error {
	r = r.rounded()
	memory, err := r.memoryPlot()
	if err != nil {
		return err
	}
	rate, err := r.ratePlot()
	if err != nil {
		return err
	}
	canvas := vgsvg.New(30*vg.Centimeter, 12*vg.Centimeter)
	c := draw.New(canvas)
	c.SetColor(color.White)
	c.Fill(c.Rectangle.Path())
	tiles := draw.Tiles{
		Rows: 1, Cols: 2, PadX: vg.Centimeter,
		PadTop: 3 * vg.Millimeter, PadBottom: 3 * vg.Millimeter, PadLeft: 3 * vg.Millimeter, PadRight: 5 * vg.Millimeter,
	}
	canvases := plot.Align([][]*plot.Plot{{memory, rate}}, tiles, c)
	memory.Draw(canvases[0][0])
	rate.Draw(canvases[0][1])
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return err
	}
	// The plot is laid out for Liberation Sans; where that is not to be had, these are as wide.
	_, err = w.Write(bytes.ReplaceAll(svg.Bytes(),
		[]byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif")))
	return err
}

// newPlot returns a plot with sans-serif letters, zero at the bottom, and the legend at the top.
func newPlot(title string) *plot.Plot {
	p := plot.New()
	for _, style := range []*text.Style{
		&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle,
	} {
		style.Font.Variant = "Sans"
	}
	p.Legend.TextStyle.Font.Size = vg.Points(10)
	p.Title.Text = title
	p.Title.Padding = 3 * vg.Millimeter
	p.Y.Min = 0
	p.Legend.Top = true
	return p
}

func (r Report) memoryPlot() (*plot.Plot, error) {
	p := newPlot("Memory of a container, by component")
	p.Y.Label.Text = "kB"

	var below *plotter.BarChart
	for i, name := range meminfo.Components {
		values := make(plotter.Values, len(r.Runs))
		for j, run := range r.Runs {
			// What others gave back meanwhile would show as less than nothing.
			values[j] = max(0, run.Memory.Components[name])
		}
		if slices.Max(values) < 0.5 {
			continue // nothing to be seen
		}
		bars, err := plotter.NewBarChart(values, vg.Centimeter)
		if err != nil {
			return nil, err
		}
		bars.Color = palette[i]
		bars.LineStyle.Width = 0
		if below != nil {
			bars.StackOn(below)
		}
		below = bars
		p.Add(bars)
		p.Legend.Add(name, bars)
	}
	labels := make([]string, len(r.Runs))
	for i, run := range r.Runs {
		labels[i] = strings.NewReplacer(", ", "\n", " (", "\n(").Replace(run.Label())
	}
	p.NominalX(labels...)
	p.Y.Max *= 1.25 // room for the legend
	return p, nil
}

func (r Report) ratePlot() (*plot.Plot, error) {
	p := newPlot("Started a second, while the fleet grows")
	p.X.Label.Text = "containers that run, of those asked for (%)"
	p.Y.Label.Text = "containers a second"
	p.Add(plotter.NewGrid())
	for i, run := range r.Runs {
		var points plotter.XYs
		started := 0.0
		for _, rate := range run.Start.Rate {
			started += rate * run.Start.Interval
			points = append(points, plotter.XY{X: 100 * started / float64(run.Count), Y: rate})
		}
		if len(points) < 2 {
			continue
		}
		line, err := plotter.NewLine(points)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", run.Label(), err)
		}
		line.Color = palette[i%len(palette)]
		line.Width = vg.Points(1.5)
		line.Dashes = [][]vg.Length{nil, {vg.Points(4), vg.Points(2)}, {vg.Points(1), vg.Points(2)}}[i/len(palette)%3]
		p.Add(line)
		p.Legend.Add(run.Label(), line)
	}
	p.X.Min = 0
	p.Y.Max *= 1.4 // room for the legend
	return p, nil
}
