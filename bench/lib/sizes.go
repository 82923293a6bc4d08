package lib

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"example.com/pause/tests/lib/bundle"
	"example.com/pause/tests/lib/targets"
)

// Budgets, in bytes, to which tests/images holds every program and image.
const (
	budgetProgram = 640
	budgetImage   = 1024 // less than that
)

// A Size is what a program and its image weigh, in bytes; 0 is what is not known.
type Size struct {
	Name    string // of a program that is built here, as in linux/arm/v7
	Program int64
	// The image, as a registry stores it.
	Layers, Config, Manifest int64
	Image                    int64 // all three
}

// Published are sizes that others have published.
var Published = []Size{
	{Name: "C with musl, as published", Image: 17_700}, // "17.7 kB": docs/comparison.md links to the article
	{Name: "registry.k8s.io/pause:3.9, as published", Program: 743_952},
}

// Sizes returns those of pause for each architecture, and of the ordinary Go program for this machine. It reads what the
// environment names, as paths in Bazel's runfiles: the binaries, PAUSE_LAYOUT, PAUSE_IDIOMATIC and PAUSE_IDIOMATIC_LAYOUT.
func Sizes() (ours []Size, ordinary Size, err error) {
	layout, err := targets.Locate("PAUSE_LAYOUT")
	if err != nil {
		return nil, ordinary, fmt.Errorf("%w; bazel run sets it", err)
	}
	if ours, err = images(layout); err != nil {
		return nil, ordinary, err
	}
	for i := range ours {
		arch := strings.Split(ours[i].Name, "/")[1]
		if ours[i].Program, err = file("PAUSE_LINUX_" + strings.ToUpper(arch)); err != nil {
			return nil, ordinary, err
		}
	}
	if layout, err = targets.Locate("PAUSE_IDIOMATIC_LAYOUT"); err != nil {
		return nil, ordinary, err
	}
	all, err := images(layout)
	if err != nil {
		return nil, ordinary, err
	}
	ordinary = all[0]
	ordinary.Name = "ordinary Go, " + ordinary.Name
	ordinary.Program, err = file("PAUSE_IDIOMATIC")
	return ours, ordinary, err
}

// file returns the size of the file that the environment variable env names.
func file(env string) (int64, error) {
	path, err := targets.Locate(env)
	if err != nil {
		return 0, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// images measures the images of the OCI layout in folder dir, in its order.
func images(dir string) (rows []Size, err error) {
	all, err := bundle.Images(dir)
	if err != nil {
		return nil, err
	}
	for _, image := range all {
		config, err := image.ConfigFile()
		if err != nil {
			return nil, err
		}
		m, err := image.Manifest()
		if err != nil {
			return nil, err
		}
		row := Size{Name: config.Platform().String(), Config: m.Config.Size}
		if row.Manifest, err = image.Size(); err != nil {
			return nil, err
		}
		for _, layer := range m.Layers {
			row.Layers += layer.Size
		}
		row.Image = row.Layers + row.Config + row.Manifest
		rows = append(rows, row)
	}
	return rows, nil
}

// WriteSizes prints ours, against the budgets, and others, as multiples of the first of ours.
func WriteSizes(w io.Writer, ours, others []Size) error {
	rows := [][]string{{"bytes", "program", fmt.Sprintf("of %d", budgetProgram), "layer", "config", "manifest", "image", fmt.Sprintf("of %d", budgetImage)}}
	for _, r := range ours {
		rows = append(rows, []string{
			r.Name, size(r.Program), percent(r.Program, budgetProgram), size(r.Layers), size(r.Config), size(r.Manifest), size(r.Image), percent(r.Image, budgetImage),
		})
	}
	rows = append(rows, nil, []string{"next to " + ours[0].Name, "program", "times", "image", "times"})
	for _, r := range others {
		rows = append(rows, []string{r.Name, size(r.Program), Times(r.Program, ours[0].Program), size(r.Image), Times(r.Image, ours[0].Image)})
	}
	return Table(w, rows)
}

func size(n int64) string {
	if n == 0 {
		return "-"
	}
	return Thousands(n)
}

// percent is n of whole, rounded up: a hundred percent is kept only by what is within the budget.
func percent(n, whole int64) string { return strconv.FormatInt((100*n+whole-1)/whole, 10) + " %" }

// Times writes n/base with one digit after the point if it is below 100, or "-" if n is not known.
func Times(n, base int64) string {
	switch r := float64(n) / float64(base); {
	case n == 0:
		return "-"
	case r < 99.95:
		return strconv.FormatFloat(r, 'f', 1, 64)
	default:
		return Thousands(int64(r + 0.5))
	}
}
