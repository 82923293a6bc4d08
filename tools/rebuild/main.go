// Command rebuild builds all images a second time, without Bazel, and compares their digests with the golden files.
// docs/reproducibility.md says what that proves.
//
// It shares with the build the libraries that make a program and a layer. It shares neither Bazel (the action graph, the
// sandbox, the rule sets, the caches) nor the code that writes documents. What the images are it reads from the golden file of
// the index: platforms, version and annotations.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
	"example.com/pause/tools/freestanding"
	"example.com/pause/tools/layer"
)

func main() { newCommand().Main() }

func newCommand() *command.Command {
	c := &command.Command{
		Name: "rebuild",
		Call: "go run ./tools/rebuild",
		Summary: "Builds all images without Bazel and compares their digests with the golden files: one line an image.\n" +
			"It exits with 0 if every digest is the golden one.",
		Examples: []string{
			"go run ./tools/rebuild",
			"go run ./tools/rebuild --output rebuilt && go run ./tools/oci/cmd/oci golden --image rebuilt/pause | diff images/digests/pause.txt -",
		},
	}
	sdk := c.Flags.String("sdk", "", "`folder` of the Go SDK, a GOROOT (default: that of the go command on PATH)")
	output := c.Flags.String("output", "", "`folder` to make, with an OCI layout for each image")
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) error {
		if *sdk == "" {
			out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
			if err != nil {
				return fmt.Errorf("go env GOROOT: %w; give --sdk the folder of the Go SDK", err)
			}
			*sdk = strings.TrimSpace(string(out))
		}
		var differ []string
		rebuild := func(dir string) (err error) {
			differ, err = build(ctx, ".", *sdk, dir, stdout)
			return err
		}
		var err error
		if *output == "" {
			err = rebuild("")
		} else {
			err = stage.Dir(*output, rebuild)
		}
		if err == nil && len(differ) > 0 {
			err = fmt.Errorf("not what images/digests says: %s; --output keeps what was built", strings.Join(differ, ", "))
		}
		return err
	}
	return c
}

// document is a JSON object; encoding/json writes its members in the order of their names, which is the canonical form.
type document = map[string]any

// platform is what an image runs on, by its OCI names, which are also Go's.
type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Variant      string `json:"variant,omitempty"`
}

// blobs are contents by their digests.
type blobs map[string][]byte

// build builds every image and the index from the sources in folder source with the Go SDK in folder sdk (a GOROOT), prints a
// line for each, and returns the names of those that differ from their golden files: pause_linux_amd64, say, and pause for the
// index. With an output, it leaves an OCI layout for each in the folder of its name there. The images are in the order of the
// index, which is last. When ctx ends, it stops after the image that it is at.
func build(ctx context.Context, source, sdk, output string, stdout io.Writer) (differ []string, err error) {
	if err := checkSDK(source, sdk); err != nil {
		return nil, err
	}
	var sources []string // those of all architectures, as //pause:srcs has them
	for _, pattern := range []string{"*.go", "*.s"} {
		files, _ := filepath.Glob(filepath.Join(source, "pause", pattern)) // such a pattern is no error
		sources = append(sources, files...)
	}
	_, index, err := golden(source, "pause")
	if err != nil {
		return nil, err
	}
	finish := func(name string, root document, all blobs) error {
		want, _, err := golden(source, name)
		if err == nil && output != "" {
			err = write(filepath.Join(output, name), root, all)
		}
		if err != nil {
			return err
		}
		verdict := "same"
		if root["digest"] != want {
			verdict = "DIFFERS"
			differ = append(differ, name)
		}
		fmt.Fprintf(stdout, "%-8s%-22s%s\n", verdict, name, root["digest"])
		return nil
	}
	all := blobs{}
	var manifests []document
	for _, m := range index.Manifests {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		name := "pause_" + m.Platform.OS + "_" + m.Platform.Architecture
		program, err := freestanding.Build(freestanding.Config{
			SDK: sdk, GOARCH: m.Platform.Architecture, Program: "pause",
			Version: index.Annotations["org.opencontainers.image.version"], Srcs: sources,
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		image := blobs{}
		root, err := buildImage(image, m.Platform, program)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if err := finish(name, root, image); err != nil {
			return nil, err
		}
		maps.Copy(all, image)
		root["platform"] = m.Platform
		manifests = append(manifests, root)
	}
	err = finish("pause", all.document("application/vnd.oci.image.index.v1+json", document{
		"annotations": index.Annotations, "manifests": manifests,
		"mediaType": "application/vnd.oci.image.index.v1+json", "schemaVersion": 2,
	}), all)
	return differ, err
}

// buildImage adds an image of the program to b, and returns the descriptor of its manifest.
func buildImage(b blobs, p platform, program []byte) (document, error) {
	archive, err := layer.Tar("pause", program)
	if err != nil {
		return nil, err
	}
	config := document{
		"architecture": p.Architecture,
		"config":       document{"Entrypoint": []string{"/pause"}, "User": "65535:65535"},
		"os":           p.OS,
		"rootfs":       document{"diff_ids": []string{digest(archive)}, "type": "layers"},
	}
	if p.Variant != "" {
		config["variant"] = p.Variant
	}
	return b.document("application/vnd.oci.image.manifest.v1+json", document{
		"config":    b.document("application/vnd.oci.image.config.v1+json", config),
		"layers":    []document{b.add("application/vnd.oci.image.layer.v1.tar+gzip", layer.Gzip(archive))},
		"mediaType": "application/vnd.oci.image.manifest.v1+json", "schemaVersion": 2,
	}), nil
}

func digest(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

// add adds content and returns its descriptor.
func (b blobs) add(mediaType string, content []byte) document {
	b[digest(content)] = content
	return document{"digest": digest(content), "mediaType": mediaType, "size": len(content)}
}

// document adds doc, whose values can all be written, and returns its descriptor.
func (b blobs) document(mediaType string, doc document) document {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(doc); err != nil {
		panic(err)
	}
	return b.add(mediaType, bytes.TrimSpace(out.Bytes()))
}

// write writes the OCI layout of root, a descriptor, into the new folder dir.
func write(dir string, root document, all blobs) error {
	files := map[string][]byte{"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`)}
	top := blobs{}
	d := top.document("", document{"manifests": []document{root}, "schemaVersion": 2})
	files["index.json"] = top[d["digest"].(string)]
	for digest, content := range all {
		files["blobs/"+strings.Replace(digest, ":", "/", 1)] = content
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o644)); err != nil {
			return err
		}
	}
	return nil
}

// index is what a golden file says about an index.
type index struct {
	Annotations map[string]string
	Manifests   []struct{ Platform platform }
}

// golden reads a golden file: the digest, and the first document.
func golden(source, name string) (digest string, doc index, err error) {
	path := filepath.Join(source, "images", "digests", name+".txt")
	content, err := os.ReadFile(path)
	if err != nil {
		return "", doc, err
	}
	digest, rest, _ := strings.Cut(string(content), "\n")
	_, rest, _ = strings.Cut(rest, "{")
	if err := json.NewDecoder(strings.NewReader("{" + rest)).Decode(&doc); err != nil {
		return "", doc, fmt.Errorf("%s is not a golden file: %w; ./bazelw run //images:update_digests writes it", path, err)
	}
	return digest, doc, nil
}

// checkSDK returns an error unless sdk is the GOROOT of exactly the Go version that source's go.mod pins: the compiler and
// the linker are part of the program, and another version makes other bytes.
func checkSDK(source, sdk string) error {
	mod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return fmt.Errorf("%w; run this in a checkout", err)
	}
	link := filepath.Join(sdk, "pkg", "tool", runtime.GOOS+"_"+runtime.GOARCH, "link")
	out, err := exec.Command(link, "-V").Output()
	if err != nil {
		return fmt.Errorf("%s is not the GOROOT of a Go SDK that runs here (%w); give --sdk the folder that `go env GOROOT` prints", sdk, err)
	}
	_, rest, _ := strings.Cut(string(mod), "\ngo ")
	version, _, _ := strings.Cut(rest, "\n")
	// "link version go1.26.8", and perhaps " X:experiments".
	if got := strings.TrimPrefix(strings.TrimSpace(string(out)), "link version "); got != "go"+version {
		return fmt.Errorf("the linker in %s says it is of %s, and go.mod pins go%s; run GOTOOLCHAIN=go%s go run ./tools/rebuild, or give --sdk its GOROOT",
			sdk, got, version, version)
	}
	return nil
}
