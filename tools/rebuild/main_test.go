package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"example.com/pause/tests/lib/need"
)

// checkout returns a copy of what build reads of the checkout, which a test may change, and the GOROOT of the SDK to build with.
// Under Bazel the environment has the runfiles paths of go.mod and of the SDK's file ROOT.
func checkout(t *testing.T) (dir, sdk string) {
	t.Helper()
	root := filepath.Join("..", "..")
	if mod := os.Getenv("PAUSE_GO_MOD"); mod != "" {
		for path, folder := range map[string]*string{mod: &root, os.Getenv("PAUSE_GO_SDK"): &sdk} {
			file, err := runfiles.Rlocation(path)
			need.NoError(t, err)
			*folder = filepath.Dir(file)
		}
	} else {
		out, err := exec.Command("go", "env", "GOROOT").Output()
		need.NoError(t, err)
		sdk = strings.TrimSpace(string(out))
	}
	dir = t.TempDir()
	for _, pattern := range []string{"go.mod", "images/digests/*.txt", "pause/*.go", "pause/*.s"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("nothing matches %s in %s (%v)", pattern, root, err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			need.NoError(t, err)
			to := filepath.Join(dir, filepath.Dir(pattern), filepath.Base(file))
			need.NoError(t, errors.Join(os.MkdirAll(filepath.Dir(to), 0o777), os.WriteFile(to, content, 0o666)))
		}
	}
	return dir, sdk
}

// replace replaces the content of a file of the checkout by what change makes of it.
func replace(t *testing.T, dir, file string, change func(string) string) {
	t.Helper()
	path := filepath.Join(dir, file)
	content, err := os.ReadFile(path)
	need.NoError(t, err)
	need.NoError(t, os.WriteFile(path, []byte(change(string(content))), 0o666))
}

// Go alone, from the same sources, arrives at every golden digest, and leaves layouts whose blobs have their digests.
func TestRebuildHasTheGoldenDigests(t *testing.T) {
	dir, sdk := checkout(t)
	output := t.TempDir()
	var stdout strings.Builder
	differ, err := build(t.Context(), dir, sdk, output, &stdout)
	if err != nil || differ != nil {
		t.Fatalf("%v; these differ: %v", err, differ)
	}
	golden, err := filepath.Glob(filepath.Join(dir, "images", "digests", "*.txt"))
	need.NoError(t, err)
	if strings.Count(stdout.String(), "same ") != len(golden) {
		t.Errorf("images/digests has %d golden files, and this was built:\n%s", len(golden), stdout.String())
	}
	i, err := layout.ImageIndexFromPath(filepath.Join(output, "pause"))
	need.NoError(t, err)
	need.NoError(t, validate.Index(i))
}

// What is built is what the golden file of the index says, and a digest that differs is reported as such.
func TestRebuildReportsDifferences(t *testing.T) {
	dir, sdk := checkout(t)
	const file = "images/digests/pause.txt"
	replace(t, dir, file, func(text string) string {
		// One image is enough here: the first.
		first, rest, _ := strings.Cut(text, "\n    },\n")
		_, rest, _ = strings.Cut(rest, "\n  ],")
		return strings.Replace(first+"\n    }\n  ],"+rest, "honours", "heeds", 1)
	})
	var stdout strings.Builder
	differ, err := build(t.Context(), dir, sdk, "", &stdout)
	if err != nil || !slices.Equal(differ, []string{"pause"}) || !strings.HasPrefix(stdout.String(), "same    pause_linux_amd64 ") {
		t.Errorf("%v; these differ: %v; want pause alone:\n%s", err, differ, stdout.String())
	}
	replace(t, dir, file, func(string) string { return "sha256:0\n" })
	if _, err := build(t.Context(), dir, sdk, "", io.Discard); err == nil || !strings.Contains(err.Error(), "update_digests") {
		t.Errorf("for a file that is no golden file the error is %v", err)
	}
}

// Another Go version than go.mod's is refused, in one line that names both, and nothing is built.
func TestRebuildRefusesAnotherGo(t *testing.T) {
	dir, sdk := checkout(t)
	version := ""
	replace(t, dir, "go.mod", func(text string) string {
		_, rest, _ := strings.Cut(text, "\ngo ")
		version, _, _ = strings.Cut(rest, "\n")
		return strings.Replace(text, "go "+version, "go 1.2.3", 1)
	})
	var stdout strings.Builder
	_, err := build(t.Context(), dir, sdk, "", &stdout)
	if err == nil || !strings.Contains(err.Error(), "go1.2.3") || !strings.Contains(err.Error(), "go"+version) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error is %v; expected one line that names go%s and go1.2.3", err, version)
	}
	if _, err := build(t.Context(), dir, t.TempDir(), "", &stdout); err == nil || !strings.Contains(err.Error(), "--sdk") {
		t.Errorf("for a folder without Go the error is %v; expected advice on --sdk", err)
	}
	if stdout.Len() > 0 {
		t.Errorf("built %s", stdout.String())
	}
}
