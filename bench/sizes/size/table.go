package size

import (
	"fmt"
	"io"
	"strconv"

	"example.com/pause/bench/lib/table"
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
	rows := [][]string{{"binary", "bytes", fmt.Sprintf("of %d", BudgetELF)}}
	for _, r := range ours {
		rows = append(rows, []string{r.Name, table.Thousands(r.Bytes), percent(r.Bytes, BudgetELF)})
	}
	if len(others) > 0 && len(ours) > 0 {
		rows = append(rows, nil, []string{"for comparison", "bytes", "times " + ours[0].Name})
		for _, r := range others {
			rows = append(rows, []string{r.Name, table.Thousands(r.Bytes), ratio(r.Bytes, ours[0].Bytes)})
		}
	}
	return table.Write(out, rows)
}

// WriteImages prints images, each against the budget, and others, each total as a multiple of the first image's.
func WriteImages(out io.Writer, images []Image, others []Row) error {
	rows := [][]string{{"image", "manifest", "config", "layer", "total", fmt.Sprintf("of %d", BudgetImage)}}
	for _, i := range images {
		rows = append(rows, []string{
			i.Platform, table.Thousands(i.Manifest), table.Thousands(i.Config), table.Thousands(i.Layers), table.Thousands(i.Total()), percent(i.Total(), BudgetImage),
		})
	}
	if len(others) > 0 && len(images) > 0 {
		rows = append(rows, nil, []string{"for comparison", "", "", "", "total", "times " + images[0].Platform})
		for _, r := range others {
			rows = append(rows, []string{r.Name, "", "", "", table.Thousands(r.Bytes), ratio(r.Bytes, images[0].Total())})
		}
	}
	return table.Write(out, rows)
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
		return table.Thousands(int64(r + 0.5))
	}
	return strconv.FormatFloat(r, 'g', 3, 64)
}
