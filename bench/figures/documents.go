package main

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"example.com/pause/bench/lib"
	"example.com/pause/tests/lib/bundle"
	"example.com/pause/tests/lib/targets"
)

// contents are what is generated.
type contents struct {
	blocks  map[string]string // Markdown, by the names of blocks; blocks of measurements that are not here stay as they are
	sizes   []byte            // docs/sizes.svg
	program int64             // bytes of the program for linux/amd64
}

// measureBuild makes contents from what the environment names: see lib.Sizes.
func measureBuild() (*contents, error) {
	ours, ordinary, err := lib.Sizes()
	if err != nil {
		return nil, err
	}
	dir, err := targets.Locate("PAUSE_LAYOUT")
	if err != nil {
		return nil, err
	}
	images, err := bundle.Images(dir)
	if err != nil {
		return nil, err
	}
	anatomy, err := parts(images[0], ours[0])
	if err != nil {
		return nil, err
	}
	line, err := pasted(images[0])
	if err != nil {
		return nil, err
	}
	others := append([]lib.Size{ordinary}, lib.Published...)
	var sizes strings.Builder
	if err := lib.WriteSizes(&sizes, ours, others); err != nil {
		return nil, err
	}
	return &contents{
		blocks:  map[string]string{"sizes": code(sizes.String()), "image-bytes": anatomy, "line": line},
		sizes:   drawSizes(ours[0], others),
		program: ours[0].Program,
	}, nil
}

// pasted is what a reader without Bazel pastes to have the image of linux/amd64, and to compare its digest.
func pasted(image v1.Image) (string, error) {
	path, err := targets.Locate("PAUSE_TEXT")
	if err != nil {
		return "", err
	}
	lines, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	line := regexp.MustCompile(`(?m)^pause_linux_amd64_base64 (\S+)$`).FindSubmatch(lines)
	if line == nil {
		return "", fmt.Errorf("%s has no line for linux/amd64", path)
	}
	digest, err := image.Digest()
	if err != nil {
		return "", err
	}
	return code(fmt.Sprintf("echo %s | base64 --decode | gunzip | podman load\n", line[1]) +
		fmt.Sprintf("podman image inspect --format '{{.Digest}}' pause:%s # %s\n", os.Getenv("PAUSE_VERSION"), digest)), nil
}

// code makes text a block of code in Markdown.
func code(text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		b.WriteString(strings.TrimRight("    "+line, " \n") + "\n")
	}
	return b.String()
}

// parts is a table of what the image of linux/amd64 is made of.
func parts(image v1.Image, row lib.Size) (string, error) {
	if row.Name != "linux/amd64" {
		return "", fmt.Errorf("the first image is for %s, and the documents are about linux/amd64", row.Name)
	}
	layers, err := image.Layers()
	if err != nil {
		return "", err
	}
	if len(layers) != 1 {
		return "", fmt.Errorf("%d layers; want one", len(layers))
	}
	uncompressed, err := layers[0].Uncompressed()
	if err != nil {
		return "", err
	}
	defer uncompressed.Close()
	archive, err := io.Copy(io.Discard, uncompressed)
	if err != nil {
		return "", err
	}
	const elf, block, end, gzip = 64 + 2*56, 512, 2 * 512, 10 + 8 // in bytes
	rows := [][]string{
		{"part", "bytes", "of"},
		{"the program (ELF)", fmt.Sprint(row.Program), ""},
		{"  ELF header and two program headers", fmt.Sprint(elf), fmt.Sprint(row.Program)},
		{"  code, with the version", fmt.Sprint(row.Program - elf), fmt.Sprint(row.Program)},
		{"the archive (tar)", fmt.Sprint(archive), ""},
		{"  header of /pause", fmt.Sprint(block), fmt.Sprint(archive)},
		{"  the program", fmt.Sprint(row.Program), fmt.Sprint(archive)},
		{"  zeros up to a whole block", fmt.Sprint(archive - block - row.Program - end), fmt.Sprint(archive)},
		{"  two blocks of zeros: the end", fmt.Sprint(end), fmt.Sprint(archive)},
		{"the layer (gzip)", fmt.Sprint(row.Layers), ""},
		{"  header, CRC-32 and size", fmt.Sprint(gzip), fmt.Sprint(row.Layers)},
		{"  the archive, compressed (DEFLATE)", fmt.Sprint(row.Layers - gzip), fmt.Sprint(row.Layers)},
		{"the image", fmt.Sprint(row.Image), ""},
		{"  the layer", fmt.Sprint(row.Layers), fmt.Sprint(row.Image)},
		{"  the config", fmt.Sprint(row.Config), fmt.Sprint(row.Image)},
		{"  the manifest", fmt.Sprint(row.Manifest), fmt.Sprint(row.Image)},
	}
	var table strings.Builder
	if err := lib.Table(&table, rows); err != nil {
		return "", err
	}
	return code(table.String()), nil
}

// block is a place for a table in a document.
var block = regexp.MustCompile(`(?ms)^<!-- figures: (\S+) -->$.*?^<!-- /figures -->$`)

// measured is the size of the image's program where a measurement in a document names it.
var measured = regexp.MustCompile(`(?m)^ +program, bytes +(\d+)`)

// generate returns what the documents and the plot of the checkout that root is ought to be, by their names in it. outdated says
// that something was measured with another program.
func (c *contents) generate(root fs.FS) (files map[string][]byte, outdated, err error) {
	files = map[string][]byte{"docs/sizes.svg": c.sizes}
	missing := maps.Clone(c.blocks)
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		names, err := fs.Glob(root, pattern)
		if err != nil {
			return nil, nil, err
		}
		for _, name := range names {
			document, err := fs.ReadFile(root, name)
			if err != nil {
				return nil, nil, err
			}
			filled := block.ReplaceAllStringFunc(string(document), func(old string) string {
				name := block.FindStringSubmatch(old)[1]
				content, ok := c.blocks[name]
				if !ok {
					return old // a measurement, which stays as it is
				}
				delete(missing, name)
				return fmt.Sprintf("<!-- figures: %s -->\n\n%s\n\n<!-- /figures -->", name, strings.Trim(content, "\n"))
			})
			files[name] = []byte(filled)
			for _, bytes := range measured.FindAllStringSubmatch(filled, -1) {
				if bytes[1] != fmt.Sprint(c.program) {
					outdated = fmt.Errorf("%s: measured with a program of %s bytes, and the build gives one of %d; measure again all that --help lists",
						name, bytes[1], c.program)
				}
			}
		}
	}
	// So a typing error in a marker is noticed, and so is a block that took in another.
	if len(missing) > 0 {
		return nil, nil, fmt.Errorf("no document has blocks <!-- figures: NAME --> ... <!-- /figures -->, each marker alone in a line, for %s",
			strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	}
	return files, outdated, nil
}
