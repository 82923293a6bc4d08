package main

import (
	"cmp"
	"debug/elf"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"example.com/pause/bench/figures/anatomy"
	"example.com/pause/bench/figures/picture"
	"example.com/pause/bench/figures/prose"
	"example.com/pause/bench/lib/table"
	"example.com/pause/bench/sizes/size"
	"example.com/pause/tests/lib/targets"
	"example.com/pause/tools/freestanding"
)

// Environment variables that name, as paths in Bazel's runfiles, what is looked at; besides those of package targets.
const (
	envLayout         = "PAUSE_LAYOUT"           // the images
	envOrdinary       = "PAUSE_IDIOMATIC"        // the ordinary Go program
	envOrdinaryLayout = "PAUSE_IDIOMATIC_LAYOUT" // its image
	envSDK            = "PAUSE_GO_SDK"           // the file ROOT of the Go SDK
	envSources        = "PAUSE_GO_SOURCES"       // the program's sources, separated by blanks
	envVersion        = "PAUSE_VERSION"          // the version of the program
)

// comparedWith is the architecture that is compared with others, which all are for that one.
const comparedWith = "amd64"

// A build is what Bazel built, measured.
type build struct {
	programs                     []program // in the order of the matrix
	ordinary, ordinaryImageBytes int64
	parts                        []anatomy.Part // of the image for linux/amd64
}

// A program is one architecture's program and image.
type program struct {
	arch    string // as in GOARCH
	elf     int64
	headers int64 // of elf: ELF header and program headers
	image   size.Image
}

// measureBuild measures what the environment names.
func measureBuild() (*build, error) {
	var b build
	layout, err := targets.Locate(envLayout)
	if err != nil {
		return nil, fmt.Errorf("%w; `bazel run //:figures` sets it", err)
	}
	images, err := size.Images(layout)
	if err != nil {
		return nil, err
	}
	for _, t := range targets.All() {
		path, err := targets.Locate(t.Env())
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		p := program{arch: t.Arch, elf: info.Size(), headers: 64 + 2*56}
		if t.Class == elf.ELFCLASS32 {
			p.headers = 52 + 2*32
		}
		i := slices.IndexFunc(images, func(i size.Image) bool {
			platform := strings.Split(i.Platform, "/")
			return len(platform) > 1 && platform[1] == t.Arch
		})
		if i < 0 {
			return nil, fmt.Errorf("%s has no image for %s", layout, t.Arch)
		}
		p.image = images[i]
		b.programs = append(b.programs, p)
	}
	if err := b.measureOrdinary(); err != nil {
		return nil, err
	}
	linked, err := link(os.Getenv(envVersion))
	if err != nil {
		return nil, err
	}
	b.parts, err = anatomy.Image(layout, linked)
	return &b, err
}

func (b *build) measureOrdinary() error {
	path, err := targets.Locate(envOrdinary)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	b.ordinary = info.Size()
	layout, err := targets.Locate(envOrdinaryLayout)
	if err != nil {
		return err
	}
	images, err := size.Images(layout)
	if err != nil {
		return err
	}
	if len(images) != 1 || images[0].Platform != "linux/"+comparedWith {
		return fmt.Errorf("%s is not one image for linux/%s: documents quote that one, whatever machine they are made on", layout, comparedWith)
	}
	b.ordinaryImageBytes = images[0].Total()
	return nil
}

// link links the program for linux/amd64 anew, to have its symbols.
func link(version string) ([]byte, error) {
	sdk, err := targets.Locate(envSDK)
	if err != nil {
		return nil, err
	}
	c := freestanding.Config{SDK: filepath.Dir(sdk), GOARCH: comparedWith, Program: "pause", Version: version}
	for name := range strings.FieldsSeq(os.Getenv(envSources)) {
		path, err := targets.Resolve(name)
		if err != nil {
			return nil, err
		}
		c.Srcs = append(c.Srcs, path)
	}
	return freestanding.Link(c)
}

// compared returns the program that is compared with others.
func (b *build) compared() program {
	i := slices.IndexFunc(b.programs, func(p program) bool { return p.arch == comparedWith })
	return b.programs[i]
}

// sizes is the block of that name.
func (b *build) sizes() string {
	var out strings.Builder
	out.WriteString("| bytes | ELF | layer | config | manifest | image |\n|---|--:|--:|--:|--:|--:|\n")
	for _, p := range b.programs {
		fmt.Fprintf(&out, "| %s | %d | %d | %d | %d | **%d** |\n", p.image.Platform, p.elf, p.image.Layers, p.image.Config, p.image.Manifest, p.image.Total())
	}
	ours := b.compared()
	fmt.Fprintf(&out, "\n| next to others, on amd64 | program | image |\n|---|--:|--:|\n| **pause** | **%d bytes** | **%d bytes** |\n", ours.elf, ours.image.Total())
	for _, o := range b.others() {
		fmt.Fprintf(&out, "| %s, %s | %s | %s |\n", o.name, o.note, versus(o.program, ours.elf), versus(o.image, ours.image.Total()))
	}
	return out.String()
}

// other is something that pause is compared with; a size of 0 is not known.
type other struct {
	name, note     string
	program, image int64
}

// others are what this repository knows the size of.
func (b *build) others() []other {
	return []other{
		{"C with musl", "as published", 0, size.ArticleImage},
		{"ordinary Go", "in bench/programs/idiomatic", b.ordinary, b.ordinaryImageBytes},
		{"registry.k8s.io/pause:3.9", "as published", size.KubernetesBinary, 0},
	}
}

// versus writes bytes, and how many times base that is; or "-" if it is not known.
func versus(bytes, base int64) string {
	if bytes == 0 {
		return "-"
	}
	return fmt.Sprintf("%s, %s times", kilobytes(bytes), times(bytes, base))
}

// kilobytes writes bytes in kB, with a digit after the point if there are less than a hundred.
func kilobytes(bytes int64) string {
	kb := float64(bytes) / 1000
	if kb < 100 {
		return strconv.FormatFloat(kb, 'f', 1, 64) + " kB"
	}
	return table.Thousands(int64(kb+0.5)) + " kB"
}

// times writes bytes / base in three digits.
func times(bytes, base int64) string {
	r := float64(bytes) / float64(base)
	if r < 99.95 {
		return strconv.FormatFloat(r, 'f', 1, 64)
	}
	unit := math.Pow(10, math.Floor(math.Log10(r))-2)
	return table.Thousands(int64(math.Round(r/unit) * unit))
}

// programsTable is the block programs.
func (b *build) programsTable() string {
	head, rule, elfs, headers := "| |", "|---|", "| ELF, bytes |", "| of it ELF headers, bytes |"
	for _, p := range b.programs {
		head += " " + p.arch + " |"
		rule += "--:|"
		elfs += fmt.Sprintf(" %d |", p.elf)
		headers += fmt.Sprintf(" %d |", p.headers)
	}
	return strings.Join([]string{head, rule, elfs, headers}, "\n")
}

// picture is docs/sizes.svg.
func (b *build) picture() []byte {
	ours := b.compared()
	areas := []picture.Area{{Bytes: ours.image.Total(), Ours: true, Lines: []string{
		"pause", fmt.Sprintf("%d bytes of image", ours.image.Total()), fmt.Sprintf("%d bytes of program", ours.elf),
	}}}
	description := []string{fmt.Sprintf("pause: %d bytes of image, for a program of %d bytes", ours.image.Total(), ours.elf)}
	for _, o := range b.others() {
		bytes, of, base := o.image, "image", ours.image.Total()
		if bytes == 0 {
			bytes, of, base = o.program, "program", ours.elf
		}
		areas = append(areas, picture.Area{Bytes: bytes, Lines: []string{
			o.name, fmt.Sprintf("%s of %s,", kilobytes(bytes), of), fmt.Sprintf("%s times ours", times(bytes, base)), o.note,
		}})
		description = append(description, fmt.Sprintf("%s, %s: %s of %s, %s times as much", o.name, o.note, kilobytes(bytes), of, times(bytes, base)))
	}
	slices.SortStableFunc(areas, func(a, b picture.Area) int { return cmp.Compare(a.Bytes, b.Bytes) })
	return picture.Squares("The size of pause next to others, on amd64", "Squares whose areas are sizes. "+strings.Join(description, "; ")+".", areas)
}

// figures are the sizes that documents may quote.
func (b *build) figures() []prose.Figure {
	var all []prose.Figure
	add := func(bytes int64, format string, args ...any) {
		all = append(all, prose.Figure{Bytes: float64(bytes), What: fmt.Sprintf(format, args...)})
	}
	room := int64(size.BudgetImage)
	for _, p := range b.programs {
		add(p.elf, "the program for %s", p.arch)
		add(p.headers, "the ELF headers for %s", p.arch)
		add(p.elf-p.headers, "the code for %s", p.arch)
		add(p.image.Layers, "the layer for %s", p.arch)
		add(p.image.Config, "the config for %s", p.arch)
		add(p.image.Manifest, "the manifest for %s", p.arch)
		add(p.image.Total(), "the image for %s", p.arch)
		room = min(room, size.BudgetImage-p.image.Config-p.image.Manifest)
	}
	add(room, "the largest layer that is within the budget on every architecture")
	add(size.BudgetELF, "the budget of a program")
	add(size.BudgetImage, "the budget of an image")
	for _, o := range b.others() {
		if o.program > 0 {
			add(o.program, "the program: %s", o.name)
		}
		if o.image > 0 {
			add(o.image, "the image: %s", o.name)
		}
	}
	for _, p := range b.parts {
		add(int64(len(p.Data)), "%s", p.Title)
		for _, s := range p.Sections {
			first, last := s.Ranges[0], s.Ranges[len(s.Ranges)-1]
			add(int64(last.Offset+last.Length-first.Offset), "%s, %s", p.Title, s.Title)
			for _, r := range s.Ranges {
				// Smaller ones would let too many numbers pass.
				if r.Text && r.Length >= 32 {
					add(int64(r.Length), "%s at %d, %s", p.Title, r.Offset, r.Meaning)
				}
			}
		}
	}
	return all
}
