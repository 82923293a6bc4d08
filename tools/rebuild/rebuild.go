// Package rebuild builds the images a second time without Bazel, so that anybody who has Go can check a published image.
//
// It shares with the build the libraries that make a program, a layer and a canonical layout, and the data (the matrix of
// architectures, the annotations, the version), which it reads from the .bzl files themselves. What it does not share is
// Bazel: the action graph, the sandbox, the rule sets, the caches.
package rebuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sort"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"example.com/pause/tools/canonical"
	"example.com/pause/tools/freestanding"
	"example.com/pause/tools/golden"
	"example.com/pause/tools/layer"
	"example.com/pause/tools/oci"
)

// What every image has in common, as pause/BUILD.bazel gives it to freestanding_binary, and images/pause_image.bzl to layer
// and oci_image. A test of this package holds them together: the digests would differ.
const (
	program = "pause"
	path    = "pause"
	user    = "65535:65535"
)

// A Result is one image, or the index, as built anew.
type Result struct {
	// Name is the target of images/ that builds the same: pause_linux_amd64, or pause for the index.
	Name string
	// Layout is the folder of the canonical OCI layout.
	Layout string
	// Record is what is in it.
	Record *golden.Record
	// Differences is empty if the golden file images/digests/NAME.txt has the same digest; otherwise it says for people
	// what differs.
	Differences []string
}

// Run builds every image and the index from the sources in folder source with the Go SDK in folder sdk (a GOROOT), and
// leaves the layouts in folder output, which must exist: one folder a Result, called by its name. It calls report after
// each. The images are in the order of the matrix, the index is last. An image that differs from its golden file is not
// an error. When ctx ends, it stops after the image that it is at.
func Run(ctx context.Context, source, sdk, output string, report func(Result)) error {
	if err := CheckSDK(source, sdk); err != nil {
		return err
	}
	data, err := ReadData(source)
	if err != nil {
		return err
	}
	sources, err := programSources(source)
	if err != nil {
		return err
	}
	var images []string
	for _, row := range data.Rows {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		name := "pause_" + row.OS + "_" + row.Architecture
		layout, err := buildImage(output, name, row, freestanding.Config{
			SDK: sdk, GOARCH: row.GOARCH, Program: program, Version: data.Version, Srcs: sources,
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		images = append(images, layout)
		result, err := compare(source, name, layout)
		if err != nil {
			return err
		}
		report(result)
	}
	const name = "pause"
	raw := filepath.Join(output, name+"_oci")
	lines := make([]string, 0, len(data.Annotations))
	for key, value := range data.Annotations {
		lines = append(lines, key+"="+value)
	}
	sort.Strings(lines)
	annotations := strings.Join(lines, "\n") + "\n"
	if err := oci.BuildIndex(raw, images, &annotations); err != nil {
		return err
	}
	layout := filepath.Join(output, name)
	if err := errors.Join(canonical.Write(layout, raw), os.RemoveAll(raw)); err != nil {
		return err
	}
	result, err := compare(source, name, layout)
	if err != nil {
		return err
	}
	report(result)
	return nil
}

// buildImage writes the layout of one image and returns its folder.
func buildImage(output, name string, row Row, config freestanding.Config) (string, error) {
	binary, err := freestanding.Build(config)
	if err != nil {
		return "", err
	}
	blob, err := layer.Build(path, binary)
	if err != nil {
		return "", err
	}
	tar := filepath.Join(output, name+".tar.gz")
	raw := filepath.Join(output, name+"_oci")
	layout := filepath.Join(output, name)
	entrypoint := "/" + path + "\n"
	if err := os.WriteFile(tar, blob, 0o644); err != nil {
		return "", err
	}
	err = oci.BuildImage(raw, oci.ImageOptions{
		Platform:   v1.Platform{OS: row.OS, Architecture: row.Architecture, Variant: row.Variant},
		Layers:     []oci.Layer{{Path: tar}},
		Entrypoint: &entrypoint,
		User:       user,
	})
	if err == nil {
		err = canonical.Write(layout, raw)
	}
	return layout, errors.Join(err, os.RemoveAll(raw), os.Remove(tar))
}

// compare reads a layout and compares it with its golden file.
func compare(source, name, dir string) (Result, error) {
	want, err := golden.ReadFile(filepath.Join(source, "images", "digests", name+".txt"))
	if err != nil {
		return Result{}, err
	}
	layout, err := oci.Open(dir)
	if err != nil {
		return Result{}, err
	}
	manifest, err := layout.Only()
	if err != nil {
		return Result{}, err
	}
	got, err := golden.FromLayout(layout, manifest)
	if err != nil {
		return Result{}, err
	}
	return Result{Name: name, Layout: dir, Record: got, Differences: golden.Compare(want, got)}, nil
}

// programSources returns the Go and assembly files of the program, those of all architectures.
func programSources(source string) ([]string, error) {
	var sources []string
	for _, pattern := range []string{"*.go", "*.s"} {
		files, err := filepath.Glob(filepath.Join(source, "pause", pattern))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				sources = append(sources, file)
			}
		}
	}
	if len(sources) == 0 {
		return nil, fmt.Errorf("there are no sources in %s; give --source the folder of a checkout", filepath.Join(source, "pause"))
	}
	return sources, nil
}

// CheckSDK returns an error unless sdk is the GOROOT of exactly the Go version that source's go.mod pins: the compiler and
// the linker are part of the program, and another version makes other bytes.
func CheckSDK(source, sdk string) error {
	mod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return fmt.Errorf("%w; give --source the folder of a checkout", err)
	}
	var want string
	for line := range strings.Lines(string(mod)) {
		if version, ok := strings.CutPrefix(line, "go "); ok {
			want = "go" + strings.TrimSpace(version)
		}
	}
	link := filepath.Join(sdk, "pkg", "tool", runtime.GOOS+"_"+runtime.GOARCH, "link")
	out, err := exec.Command(link, "-V").Output()
	if err != nil {
		return fmt.Errorf("%s is not the GOROOT of a Go SDK that runs here (%w); give --sdk the folder that `go env GOROOT` prints", sdk, err)
	}
	// "link version go1.26.8", and perhaps " X:experiments".
	if got := strings.TrimPrefix(strings.TrimSpace(string(out)), "link version "); got != want {
		return fmt.Errorf("the linker in %s says it is of %s, and go.mod pins %s; run GOTOOLCHAIN=%s go run ./tools/rebuild/cmd/rebuild, or give --sdk the GOROOT of %s",
			sdk, got, want, want, want)
	}
	return nil
}
