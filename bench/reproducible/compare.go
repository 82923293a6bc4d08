package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/pause/bench/lib"
)

// compare compares two OCI layouts. It returns nil if they have the same files with the same bytes; otherwise lines that name
// every blob that one has and the other has not, the first lines of documents and layers that differ, and what diffoscope
// says, if it is on PATH.
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
	return append(lines, diffoscope(want, got)...), nil
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

// describe returns lines of what is in a layout: the documents of each image, and its layers as a hex dump.
func describe(dir string) (lines []string, err error) {
	images, err := lib.Images(dir)
	if err != nil {
		return nil, err
	}
	for _, image := range images {
		config, err := image.ConfigFile()
		if err != nil {
			return nil, err
		}
		add := func(what, text string) {
			for line := range strings.Lines(text) {
				lines = append(lines, fmt.Sprintf("%s, %s: %s", config.Platform(), what, strings.TrimSpace(line)))
			}
		}
		for _, part := range []struct {
			what string
			raw  func() ([]byte, error)
		}{{"manifest", image.RawManifest}, {"config", image.RawConfigFile}} {
			document, err := part.raw()
			if err != nil {
				return nil, err
			}
			var indented bytes.Buffer
			if err := json.Indent(&indented, document, "", " "); err != nil {
				return nil, err
			}
			add(part.what, indented.String())
		}
		layers, err := image.Layers()
		if err != nil {
			return nil, err
		}
		for _, layer := range layers {
			reader, err := layer.Uncompressed()
			if err != nil {
				return nil, err
			}
			content, err := io.ReadAll(reader)
			if err := errors.Join(err, reader.Close()); err != nil {
				return nil, err
			}
			add("layer", hex.Dump(content))
		}
	}
	return lines, nil
}

// diffoscope returns what diffoscope says about two folders, and nothing if it is not there.
func diffoscope(want, got string) []string {
	program, err := exec.LookPath("diffoscope")
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "--text=-", "--text-color=never", "--max-text-report-size=20000", want, got).Output()
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
		return []string{"diffoscope failed: " + err.Error()}
	}
	return append([]string{"diffoscope:"}, strings.Split(strings.TrimSpace(string(out)), "\n")...)
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
