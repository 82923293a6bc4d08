package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"example.com/pause/tools/freestanding/sdktest"
)

// checkout returns a copy of what Run reads of the checkout, which a test may change.
func checkout(t *testing.T) string {
	t.Helper()
	root := filepath.Join("..", "..")
	if mod := os.Getenv("PAUSE_GO_MOD"); mod != "" {
		path, err := runfiles.Rlocation(mod)
		if err != nil {
			t.Fatal(err)
		}
		root = filepath.Dir(path)
	}
	dir := t.TempDir()
	for _, pattern := range []string{"go.mod", "images/digests/*.txt", "pause/*.go", "pause/*.s"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("nothing matches %s in %s (%v)", pattern, root, err)
		}
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			to := filepath.Join(dir, filepath.Dir(pattern), filepath.Base(file))
			if err := os.MkdirAll(filepath.Dir(to), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(to, content, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// replace changes the first from in a file of the checkout to to.
func replace(t *testing.T, dir, file, from, to string) {
	t.Helper()
	path := filepath.Join(dir, file)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(content), from) {
		t.Fatalf("%s does not contain %q", file, from)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(content), from, to, 1)), 0o666); err != nil {
		t.Fatal(err)
	}
}

// Go alone, from the same sources, arrives at every golden digest, and leaves layouts whose blobs have their digests.
func TestRebuildHasTheGoldenDigests(t *testing.T) {
	dir, output := checkout(t), t.TempDir()
	var names []string
	err := Run(t.Context(), dir, sdktest.SDK(t), output, func(r Result) {
		names = append(names, r.Name)
		if r.Digest != r.Golden {
			t.Errorf("%s has the digest %s; images/digests has %s", r.Name, r.Digest, r.Golden)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	golden, err := filepath.Glob(filepath.Join(dir, "images", "digests", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != len(golden) {
		t.Errorf("built %v, but images/digests has %d golden files", names, len(golden))
	}
	i, err := layout.ImageIndexFromPath(filepath.Join(output, "pause"))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(i); err != nil {
		t.Error(err)
	}
}

// What is built is what the golden file of the index says, and a digest that differs is reported as such.
func TestRebuildReportsDifferences(t *testing.T) {
	dir := checkout(t)
	const file = "images/digests/pause.txt"
	content, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil {
		t.Fatal(err)
	}
	// One image is enough here: the first.
	first, rest, _ := strings.Cut(string(content), "\n    },\n")
	_, rest, _ = strings.Cut(rest, "\n  ],")
	text := first + "\n    }\n  ]," + rest
	if err := os.WriteFile(filepath.Join(dir, file), []byte(strings.Replace(text, "honours", "heeds", 1)), 0o666); err != nil {
		t.Fatal(err)
	}
	same := map[string]bool{}
	if err := Run(t.Context(), dir, sdktest.SDK(t), "", func(r Result) { same[r.Name] = r.Digest == r.Golden }); err != nil {
		t.Fatal(err)
	}
	if want := map[string]bool{"pause_linux_amd64": true, "pause": false}; !maps.Equal(same, want) {
		t.Errorf("got %v; want %v", same, want)
	}
	if err := os.WriteFile(filepath.Join(dir, file), []byte("sha256:0\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), dir, sdktest.SDK(t), "", nil); err == nil || !strings.Contains(err.Error(), "update_digests") {
		t.Errorf("for a file that is no golden file the error is %v", err)
	}
}

// Another Go version than go.mod's is refused, in one line that names both, and nothing is built.
func TestRebuildRefusesAnotherGo(t *testing.T) {
	dir := checkout(t)
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(mod), "\ngo ")
	version, _, _ := strings.Cut(rest, "\n")
	replace(t, dir, "go.mod", "go "+version, "go 1.2.3")
	output := t.TempDir()
	err = Run(t.Context(), dir, sdktest.SDK(t), output, func(r Result) { t.Errorf("built %s", r.Name) })
	if err == nil || !strings.Contains(err.Error(), "go1.2.3") || !strings.Contains(err.Error(), "go"+version) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error is %v; expected one line that names go%s and go1.2.3", err, version)
	}
	if err := Run(t.Context(), dir, t.TempDir(), output, nil); err == nil || !strings.Contains(err.Error(), "--sdk") {
		t.Errorf("for a folder without Go the error is %v; expected advice on --sdk", err)
	}
	if left, _ := os.ReadDir(output); len(left) != 0 {
		t.Errorf("left %v behind", left)
	}
}
