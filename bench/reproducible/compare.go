package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"example.com/pause/tools/oci"
)

// compare compares two OCI layouts. It returns nil if they have the same files with the same bytes; otherwise lines that name
// every blob that one has and the other has not, and the first lines of documents and layers that differ.
func compare(want, got string) ([]string, error) {
	w, err := read(want)
	if err != nil {
		return nil, err
	}
	g, err := read(got)
	if err != nil {
		return nil, err
	}
	var lines []string
	for name, content := range w {
		if other, ok := g[name]; !ok {
			lines = append(lines, name+": in the first build only")
		} else if !bytes.Equal(content, other) {
			lines = append(lines, name+": other bytes")
		}
	}
	for name := range g {
		if _, ok := w[name]; !ok {
			lines = append(lines, name+": in the second build only")
		}
	}
	if lines == nil {
		return nil, nil
	}
	slices.Sort(lines)
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

// read returns the files under a folder by their paths in it.
func read(dir string) (map[string][]byte, error) {
	content := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		content[name], err = os.ReadFile(path)
		return err
	})
	if err == nil && len(content) == 0 {
		err = fmt.Errorf("%s is empty", dir)
	}
	return content, err
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
