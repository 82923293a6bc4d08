package size

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Published sizes of what others ship, in bytes, for comparison.
const (
	KubernetesBinary = 743_952 // registry.k8s.io/pause:3.9 on amd64
	ArticleImage     = 17_700  // the C and musl image that started this: "17.7 kB"
)

// A Row is a line of a table: something that has a size.
type Row struct {
	Name  string
	Bytes int64
}

// WriteBinaries prints ours, each against the budget, and others, each as a multiple of the first of ours.
func WriteBinaries(out io.Writer, ours, others []Row) error {
	table := [][]string{{"binary", "bytes", fmt.Sprintf("of %d", BudgetELF)}}
	for _, r := range ours {
		table = append(table, []string{r.Name, Thousands(r.Bytes), percent(r.Bytes, BudgetELF)})
	}
	if len(others) > 0 && len(ours) > 0 {
		table = append(table, nil, []string{"for comparison", "bytes", "times " + ours[0].Name})
		for _, r := range others {
			table = append(table, []string{r.Name, Thousands(r.Bytes), ratio(r.Bytes, ours[0].Bytes)})
		}
	}
	return write(out, table)
}

// WriteImages prints images, each against the budget, and others, each total as a multiple of the first image's.
func WriteImages(out io.Writer, images []Image, others []Row) error {
	table := [][]string{{"image", "manifest", "config", "layer", "total", fmt.Sprintf("of %d", BudgetImage)}}
	for _, i := range images {
		table = append(table, []string{
			i.Platform, Thousands(i.Manifest), Thousands(i.Config), Thousands(i.Layers), Thousands(i.Total()), percent(i.Total(), BudgetImage),
		})
	}
	if len(others) > 0 && len(images) > 0 {
		table = append(table, nil, []string{"for comparison", "", "", "", "total", "times " + images[0].Platform})
		for _, r := range others {
			table = append(table, []string{r.Name, "", "", "", Thousands(r.Bytes), ratio(r.Bytes, images[0].Total())})
		}
	}
	return write(out, table)
}

// write prints table in columns: the first flush left, the others flush right. An empty row is an empty line.
func write(out io.Writer, table [][]string) error {
	var width []int
	for _, row := range table {
		for i, cell := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], len(cell))
		}
	}
	for _, row := range table {
		var line strings.Builder
		for i, cell := range row {
			if i == 0 {
				fmt.Fprintf(&line, "%-*s", width[i], cell)
			} else {
				fmt.Fprintf(&line, "  %*s", width[i], cell)
			}
		}
		if _, err := fmt.Fprintln(out, line.String()); err != nil {
			return err
		}
	}
	return nil
}

// percent is n of whole, rounded up: a hundred percent is kept only by what is within the budget.
func percent(n, whole int64) string { return strconv.FormatInt((100*n+whole-1)/whole, 10) + " %" }

// ratio writes n/base with three significant digits or more.
func ratio(n, base int64) string {
	if base == 0 {
		return "-"
	}
	r := float64(n) / float64(base)
	if r >= 100 {
		return Thousands(int64(r + 0.5))
	}
	return strconv.FormatFloat(r, 'g', 3, 64)
}

// Thousands writes n with a comma between each three digits.
func Thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(text) - 3; i > start; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
