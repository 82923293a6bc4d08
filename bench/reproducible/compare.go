package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"example.com/pause/tools/oci"
)

// compare compares two OCI layouts. It returns nil if they have the same files with the same bytes; otherwise lines that name
// every file that differs or that only one has, and the first lines of documents and layers that differ.
func compare(want, got string) ([]string, error) {
	out, err := exec.Command("diff", "--recursive", "--brief", want, got).CombinedOutput()
	if err == nil {
		return nil, nil
	}
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() > 1 {
		return nil, fmt.Errorf("diff: %w: %s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	wantText, err := describe(want)
	if err != nil {
		return nil, err
	}
	gotText, err := describe(got)
	if err != nil {
		return nil, err
	}
	found := 0
	for i := range min(len(wantText), len(gotText)) {
		if wantText[i] != gotText[i] && found < 20 {
			found++
			lines = append(lines, "first:  "+wantText[i], "second: "+gotText[i])
		}
	}
	return lines, nil
}

// describe returns the lines of the golden files of what is in a layout, with the platform in front.
func describe(dir string) (lines []string, err error) {
	root, err := oci.Open(dir)
	if err != nil {
		return nil, err
	}
	for _, image := range append([]*oci.Image{root}, root.Images...) {
		name := "index"
		if image.Config != nil {
			name = image.Platform()
		}
		var text strings.Builder
		if err := image.Golden(&text); err != nil {
			return nil, err
		}
		for line := range strings.Lines(text.String()) {
			lines = append(lines, name+": "+strings.TrimSpace(line))
		}
	}
	return lines, nil
}

// pathsIn returns the lines of text that contain one of the given paths of the machine. Empty paths and "/" are ignored.
func pathsIn(text string, paths []string) []string {
	var found []string
	for line := range strings.Lines(text) {
		if slices.ContainsFunc(paths, func(path string) bool { return path != "" && path != "/" && strings.Contains(line, path) }) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}
