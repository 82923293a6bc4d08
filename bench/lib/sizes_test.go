package lib

import (
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tools/oci/imagetest"
)

// An index of two images is measured as two images, each with the sizes of its blobs as they are stored.
func TestSizesOfImages(t *testing.T) {
	platforms := []string{"linux/amd64", "linux/arm/v7"}
	rows, err := images(imagetest.Example(t, platforms...))
	if err != nil || len(rows) != 2 || rows[0].Name != platforms[0] || rows[1].Name != platforms[1] {
		t.Fatalf("got %+v, %v; want %q", rows, err, platforms)
	}
	for _, r := range rows {
		layer := imagetest.Layer(t, r.Name)
		if r.Layers != int64(len(layer)) || r.Manifest == 0 || r.Config == 0 || r.Image != r.Manifest+r.Config+r.Layers {
			t.Errorf("got %+v; want a layer of %d bytes, and sizes that add up", r, len(layer))
		}
	}
	if _, err := images(t.TempDir()); err == nil {
		t.Error("measured a folder that is no layout")
	}
}

// The table shows every size against its budget, rounded up, and every other as a multiple of the first.
func TestWriteSizes(t *testing.T) {
	var out strings.Builder
	ours := []Size{{"linux/amd64", 500, 400, 200, 300, 900}, {"linux/arm/v7", 641, 1, 2, 3, 1025}}
	need.NoError(t, WriteSizes(&out, ours, []Size{{Name: "ordinary Go", Program: 1_425_534, Image: 899_950}, {Name: "C", Image: 17_700}}))
	want := `
bytes                program  of 640  layer  config  manifest  image  of 1024
linux/amd64              500    79 %    400     200       300    900     88 %
linux/arm/v7             641   101 %      1       2         3  1,025    101 %

next to linux/amd64    program  times    image  times
ordinary Go          1,425,534  2,851  899,950  1,000
C                            -      -   17,700   19.7
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("got%swant%s", got, want)
	}
}
