package stage

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
)

// only checks that folder dir has exactly the given names.
func only(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	need.NoError(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("the folder has %v, want %v", got, names)
	}
}

// A folder appears whole, also in place of an empty one, or not at all.
func TestDir(t *testing.T) {
	parent := t.TempDir()
	fill := func(dir string) error { return os.WriteFile(filepath.Join(dir, "f"), []byte("x"), 0o644) }
	failed := errors.New("fill failed")
	output := filepath.Join(parent, "out")
	if err := Dir(output, func(dir string) error { return errors.Join(fill(dir), failed) }); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	only(t, parent)
	need.NoError(t, os.Mkdir(output, 0o755))
	if err := Dir(output, fill); err != nil {
		t.Error(err)
	}
	only(t, parent, "out")
	only(t, output, "f")
	if err := Dir(output, fill); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("a folder with something in it: got %v", err)
	}
	if err := Dir(filepath.Join(output, "f"), fill); err == nil || !strings.Contains(err.Error(), "not a folder") {
		t.Errorf("a file in the way: got %v", err)
	}
	if err := Dir(filepath.Join(parent, "no", "out"), fill); err == nil || strings.Contains(err.Error(), ".staged") {
		t.Errorf("no parent: got %v", err)
	}
}

// A file appears whole, with its mode from the moment that it is there, also in place of an older one, or nothing is left.
func TestWrite(t *testing.T) {
	output := filepath.Join(t.TempDir(), "out")
	for _, mode := range []os.FileMode{0o755, 0o600} {
		need.NoError(t, Write(output, []byte(mode.String()), mode))
		content, err := os.ReadFile(output)
		need.NoError(t, err)
		info, err := os.Stat(output)
		need.NoError(t, err)
		if info.Mode() != mode || string(content) != mode.String() {
			t.Errorf("got mode %v and %q, want %v", info.Mode(), content, mode)
		}
	}
	folder := filepath.Join(filepath.Dir(output), "folder")
	need.NoError(t, os.Mkdir(folder, 0o755))
	if err := Write(folder, nil, 0o644); err == nil {
		t.Error("a file took the place of a folder")
	}
	only(t, filepath.Dir(output), "folder", "out")
	if err := Write(filepath.Join(output, "out"), nil, 0o644); err == nil || strings.Contains(err.Error(), ".staged") {
		t.Errorf("below a file: got %v", err)
	}
}
