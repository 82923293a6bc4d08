// Package compare compares what two builds of the images made, blob by blob, and says for people what differs.
package compare

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"example.com/pause/tools/golden"
	"example.com/pause/tools/oci"
)

// Layouts compares two OCI layouts. It returns nil if they have the same files with the same bytes; otherwise lines that
// name every blob that one has and the other has not, the fields of the documents and the bytes of the layers that
// differ, and what diffoscope says, if it is on PATH.
func Layouts(want, got string) ([]string, error) {
	lines, err := files(want, got)
	if err != nil || lines == nil {
		return nil, err
	}
	wantRecords, err := records(want)
	if err != nil {
		return nil, err
	}
	gotRecords, err := records(got)
	if err != nil {
		return nil, err
	}
	for i := range min(len(wantRecords), len(gotRecords)) {
		w, g := wantRecords[i], gotRecords[i]
		// The last line of golden's report is about accepting a change, which nobody should here.
		if difference := golden.Compare(w.record, g.record); difference != nil {
			lines = append(lines, w.name+":")
			for _, line := range difference[:len(difference)-1] {
				lines = append(lines, "  "+line)
			}
		}
	}
	return append(lines, diffoscope(want, got)...), nil
}

// files returns a line for every file that is not the same on both sides.
func files(want, got string) ([]string, error) {
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
	slices.Sort(lines)
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

type named struct {
	name   string
	record *golden.Record
}

// records returns the record of a layout's manifest and, for an index, of its images, in order.
func records(dir string) ([]named, error) {
	layout, err := oci.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	var all []named
	var add func(m *oci.Manifest) error
	add = func(m *oci.Manifest) error {
		record, err := golden.FromLayout(layout, m)
		if err != nil {
			return err
		}
		name := "index"
		if m.Kind == oci.Image {
			p := m.Platform()
			name = strings.TrimRight(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
		}
		all = append(all, named{name, record})
		for _, child := range m.Manifests {
			if err := add(child); err != nil {
				return err
			}
		}
		return nil
	}
	for _, m := range layout.Manifests {
		if err := add(m); err != nil {
			return nil, err
		}
	}
	return all, nil
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

// Paths returns the lines of text that contain one of the given paths of the machine. Empty paths and "/" are ignored.
func Paths(text string, paths []string) []string {
	var found []string
	for line := range strings.Lines(text) {
		for _, path := range paths {
			if path != "" && path != "/" && strings.Contains(line, path) {
				found = append(found, strings.TrimSpace(line))
				break
			}
		}
	}
	return found
}
