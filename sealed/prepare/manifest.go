package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
)

// manifestName is the file that lists what a root holds; it is written last.
const manifestName = "manifest"

// manifest lists every file below dir: kind, size and path, sorted. It is what `find` can print again quickly.
func manifest(dir string) ([]byte, error) {
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || rel == manifestName {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		kind := "f"
		if info.Mode()&fs.ModeSymlink != 0 {
			kind = "l"
		}
		all = append(all, fmt.Sprintf("%s %d %s\n", kind, info.Size(), rel))
		return nil
	})
	sort.Strings(all)
	var out bytes.Buffer
	for _, line := range all {
		out.WriteString(line)
	}
	return out.Bytes(), err
}

func writeManifest(dir string) error {
	content, err := manifest(dir)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, manifestName), content, 0o644)
}

// Verify says whether dir is a whole root: all files of its manifest are there with their sizes, and no others.
func Verify(dir string) error {
	want, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return err
	}
	got, err := manifest(dir)
	if err != nil {
		return err
	}
	if !bytes.Equal(want, got) {
		return errors.New(dir + " is damaged")
	}
	return nil
}
