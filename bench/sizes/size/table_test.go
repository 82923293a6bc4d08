package size_test

import (
	"strings"
	"testing"

	"example.com/pause/bench/sizes/size"
)

// The table of binaries shows every size against the budget, rounded up, and every other as a multiple of the first.
func TestWriteBinaries(t *testing.T) {
	var out strings.Builder
	ours := []size.Row{{Name: "linux/amd64", Bytes: 500}, {Name: "linux/arm", Bytes: 641}}
	others := []size.Row{{Name: "ordinary Go", Bytes: 1_425_534}, {Name: "C", Bytes: 13_376}}
	if err := size.WriteBinaries(&out, ours, others); err != nil {
		t.Fatal(err)
	}
	want := `
binary              bytes             of 640
linux/amd64           500               79 %
linux/arm             641              101 %

for comparison      bytes  times linux/amd64
ordinary Go     1,425,534              2,851
C                  13,376               26.8
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("got%swant%s", got, want)
	}
}

// The table of images shows all parts of an image, and their sum against the budget.
func TestWriteImages(t *testing.T) {
	var out strings.Builder
	images := []size.Image{{Platform: "linux/arm/v7", Manifest: 300, Config: 200, Layers: 400}}
	if err := size.WriteImages(&out, images, []size.Row{{Name: "C with musl", Bytes: 17_700}}); err != nil {
		t.Fatal(err)
	}
	want := `
image           manifest  config  layer   total             of 1024
linux/arm/v7         300     200    400     900                88 %

for comparison                            total  times linux/arm/v7
C with musl                              17,700                19.7
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("got%swant%s", got, want)
	}
}
