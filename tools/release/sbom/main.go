// Command sbom writes what the pause image is made of, as an SPDX 2.3 document, and how it was made, as an in-toto statement with
// SLSA provenance. Both are functions of their inputs alone: no clock, no host name and no random identifier goes into them,
// so whoever builds the same image gets the same documents, byte for byte.
package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"

	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
	"example.com/pause/tools/oci"
)

// module is the path of the Go module that the program is built from.
const module = "example.com/pause"

// file is a file by name and content.
type file struct {
	// name is a path with slashes: of a source, relative to the root of the repository; of a file in an image, absolute.
	name    string
	content []byte
}

// image is one image, for one platform.
type image struct {
	platform string // os/architecture[/variant]
	digest   string
	files    []file // the regular files in it
}

// input is all that goes into the documents.
type input struct {
	name, version, license string // of the image, from its annotations; the license is an expression of SPDX identifiers
	index                  string // the digest of the image index
	images                 []image
	sources                []file // what the program is built from, by name
	goVersion              string // of the Go toolchain, such as 1.26.8
}

func main() { newCommand().Main() }

func newCommand() *command.Command {
	c := &command.Command{
		Name: "sbom",
		Call: "go run ./tools/release/sbom",
		Summary: "Writes what the image is made of (SPDX 2.3) and how it was made (in-toto, SLSA provenance). Both depend on the inputs\n" +
			"alone. Run it at the root of the repository: the names of the sources go into the documents.",
		Arguments: "SOURCE...",
		Required:  []string{"image", "go-version", "target", "builder", "output", "provenance"},
		Examples: []string{
			"go run ./tools/release/sbom --image bazel-bin/images/pause --go-version 1.26.8 --target //images:pause --builder URI " +
				"--output pause.spdx.json --provenance pause.intoto.json pause/pause*.go pause/entry*.s",
		},
	}
	var in input
	dir := c.Flags.String("image", "", "`folder` with the image index, an OCI layout")
	c.Flags.StringVar(&in.goVersion, "go-version", "", "`version` of the Go toolchain")
	output := c.Flags.String("output", "", "`file` to write the SPDX document to")
	provenance := c.Flags.String("provenance", "", "`file` to write the in-toto statement to")
	target := c.Flags.String("target", "", "Bazel `label` that was built")
	builder := c.Flags.String("builder", "", "`URI` of who vouches for the build: builder.id of SLSA v1")
	c.Run = func(_ context.Context, sources []string, _ io.Writer) error {
		if u, err := url.Parse(*builder); err != nil || !u.IsAbs() {
			return command.Wrong("the builder %q is not a URI", *builder)
		}
		if err := in.readImage(*dir); err != nil {
			return fmt.Errorf("%s: %w", *dir, err)
		}
		if err := in.readSources(sources); err != nil {
			return err
		}
		if err := stage.Write(*output, in.spdx(), 0o644); err != nil {
			return err
		}
		if err := stage.Write(*provenance, in.provenance(*target, *builder), 0o644); err != nil {
			// One without the other would be half an answer.
			return errors.Join(err, os.Remove(*output))
		}
		return nil
	}
	return c
}

// readImage reads the index in the OCI layout in the folder dir.
func (in *input) readImage(dir string) error {
	root, err := oci.Open(dir)
	if err != nil {
		return err
	}
	annotations, _ := root.Manifest["annotations"].(oci.Document)
	for name, to := range map[string]*string{"title": &in.name, "version": &in.version, "licenses": &in.license} {
		var ok bool
		if *to, ok = annotations["org.opencontainers.image."+name].(string); !ok {
			return fmt.Errorf("there is no annotation org.opencontainers.image.%s; want the image index, which has it", name)
		}
	}
	in.index = root.Digest
	for _, i := range root.Images {
		entry := image{platform: i.Platform(), digest: i.Digest}
		for _, layer := range i.Layers {
			blob, err := i.Blob(layer)
			if err != nil {
				return err
			}
			files, err := readLayer(blob)
			if err != nil {
				return fmt.Errorf("layer %s: %w", layer.Digest, err)
			}
			entry.files = append(entry.files, files...)
		}
		in.images = append(in.images, entry)
	}
	return nil
}

// readLayer returns the regular files of a layer that is compressed by gzip.
func readLayer(blob []byte) (files []file, err error) {
	archive, err := gzip.NewReader(bytes.NewReader(blob))
	if err != nil {
		return nil, err
	}
	for r := tar.NewReader(archive); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		if header.Typeflag == tar.TypeReg {
			files = append(files, file{path.Join("/", header.Name), content})
		}
	}
}

// outputTree is where Bazel puts generated files; it names the configuration, which is no property of the source.
var outputTree = regexp.MustCompile(`^bazel-out/[^/]+/bin/`)

// readSources reads the sources, and sorts them by name.
func (in *input) readSources(paths []string) error {
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		in.sources = append(in.sources, file{outputTree.ReplaceAllString(filepath.ToSlash(path), ""), content})
	}
	slices.SortFunc(in.sources, func(a, b file) int { return cmp.Compare(a.name, b.name) })
	return nil
}

// encode writes a document, whose values can all be written, as JSON that people read.
func encode(document any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(document); err != nil {
		panic(err)
	}
	return out.Bytes()
}
