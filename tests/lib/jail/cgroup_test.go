package jail

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
)

// What cannot be removed of one hierarchy is an error that names it, and keeps nothing from being removed in the others.
func TestRemoveGoesOn(t *testing.T) {
	dir := t.TempDir()
	var dirs []string
	for _, name := range []string{"stuck", "empty", "stuck too", "gone", "deep"} {
		dirs = append(dirs, filepath.Join(dir, name))
	}
	// A file in a folder is to rmdir what nothing in a cgroup is.
	for _, name := range []string{"stuck", "empty", "stuck too", "deep/er"} {
		need.NoError(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
		if strings.HasPrefix(name, "stuck") {
			need.NoError(t, os.WriteFile(filepath.Join(dir, name, "file"), nil, 0o644))
		}
	}
	err := removeAll(dirs)
	if err == nil || !strings.Contains(err.Error(), "stuck: ") || !strings.Contains(err.Error(), "stuck too: ") {
		t.Errorf("got %v; want an error that names both that are stuck", err)
	}
	left, err := os.ReadDir(dir)
	need.NoError(t, err)
	if len(left) != 2 {
		t.Errorf("left: %v; want the two that are stuck", left)
	}
}
