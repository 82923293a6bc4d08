package rebuild

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

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
	for _, pattern := range []string{"go.mod", "images/*.bzl", "images/digests/*.txt", "pause/*.go", "pause/*.s"} {
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

// Go alone, from the same sources, arrives at every golden digest.
func TestRebuildHasTheGoldenDigests(t *testing.T) {
	dir := checkout(t)
	var names []string
	err := Run(t.Context(), dir, sdktest.SDK(t), t.TempDir(), func(r Result) {
		names = append(names, r.Name)
		if len(r.Differences) > 0 {
			t.Errorf("%s differs from images/digests:\n%s", r.Name, strings.Join(r.Differences, "\n"))
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
}

// What the .bzl files say is what is built: one row gives one image and an index of one; a new description is a named
// difference of the index, and none of the image.
func TestRebuildReadsTheDataOfTheBuild(t *testing.T) {
	dir := checkout(t)
	row := "ARCHES = [\"arm64\"]\nVARIANTS = {}\n"
	if err := os.WriteFile(filepath.Join(dir, "images", "arches.bzl"), []byte(row), 0o666); err != nil {
		t.Fatal(err)
	}
	replace(t, dir, "images/annotations.bzl", "honours", "heeds")
	got := map[string]string{}
	err := Run(t.Context(), dir, sdktest.SDK(t), t.TempDir(), func(r Result) { got[r.Name] = strings.Join(r.Differences, "\n") })
	if err != nil {
		t.Fatal(err)
	}
	if difference, ok := got["pause_linux_arm64"]; !ok || difference != "" {
		t.Errorf("the image: built %t, differences %q; expected none", ok, difference)
	}
	if !strings.Contains(got["pause"], "image.description") || len(got) != 2 {
		t.Errorf("built %q; expected an image and an index whose description differs", got)
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

// Data that is not what it should be is an error that names the file and the field.
func TestReadDataNamesWhatIsWrong(t *testing.T) {
	for _, c := range []struct{ file, from, to, want string }{
		{"images/arches.bzl", `    "arm64",`, `    64,`, "ARCHES[1] is not a string"},
		{"images/arches.bzl", `ARCHES = [`, `ARCHES = 1 + [`, "arches.bzl"},
		{"images/annotations.bzl", `VERSION = "1.0.0"`, `VERSION = 1`, "VERSION is not a string"},
	} {
		dir := checkout(t)
		replace(t, dir, c.file, c.from, c.to)
		if _, err := ReadData(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("with %q: error is %v; expected %q", c.to, err, c.want)
		}
	}
}
