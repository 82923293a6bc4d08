// Package hygiene holds the repository to two rules of its own: what is written in two places is the same, and no link leads
// nowhere. The tests run in parallel, since somebody waits for them each time.
package hygiene

import (
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"example.com/pause/tests/lib/checkout"
	"example.com/pause/tests/lib/need"
	"example.com/pause/tools/lint/tree"
)

// read returns the content of a file of the source tree.
func read(t *testing.T, name string) string {
	t.Helper()
	return string(checkout.Read(t, name))
}

// module returns what go.mod says.
func module(t *testing.T) tree.Module {
	t.Helper()
	module, err := tree.ReadModule(checkout.Root(t))
	if err != nil {
		t.Fatal(err)
	}
	return module
}

// .bazelversion names the Bazel that runs this test, unless another one was asked for.
func TestBazelVersion(t *testing.T) {
	t.Parallel()
	running := os.Getenv("PAUSE_BAZEL_VERSION")
	if running == "" {
		// Debian's Bazel tells rules nothing of its version. In the sealed root it is the only one, and this is its label.
		label, err := os.ReadFile("/usr/share/bazel/build-label.txt")
		need.That(t, err == nil, "Bazel does not say its version, or this test does not run under Bazel")
		running = strings.TrimSpace(string(label))
	}
	wanted := strings.TrimSpace(read(t, ".bazelversion"))
	// Debian's build calls itself 7.7.1- (@non-git).
	running, _, _ = strings.Cut(running, "-")
	running, _, _ = strings.Cut(running, " ")
	if asked := os.Getenv("USE_BAZEL_VERSION"); asked != "" && asked != wanted {
		t.Skipf("skipped: USE_BAZEL_VERSION=%s asks for another Bazel than .bazelversion", asked)
	}
	if running != wanted {
		t.Errorf(".bazelversion says %s, and this is Bazel %s; use bazelw or Bazelisk, or change .bazelversion", wanted, running)
	}
}

// go.mod's Go is the SDK that compiled this test.
func TestGoVersion(t *testing.T) {
	t.Parallel()
	need.That(t, os.Getenv(checkout.Env) != "", "this test does not run under Bazel, so any Go may have compiled it")
	if want := "go" + module(t).Go; runtime.Version() != want {
		t.Errorf("go.mod says %s, and the SDK is %s", want, runtime.Version())
	}
}

// The sealed root's Go modules have the versions of MODULE.bazel and go.mod, and the SDK of freestanding_binary that of go.mod.
func TestSealedVersions(t *testing.T) {
	t.Parallel()
	for _, problem := range sealedVersions(read(t, "sealed/go_modules.txt"), read(t, "MODULE.bazel"), module(t).Go) {
		t.Error(problem)
	}
	for _, problem := range otherGoVersion(read(t, "tools/freestanding.bzl"), module(t).Go) {
		t.Error(problem)
	}
}

// The modules that stand in two places have one version: those of MODULE.bazel that tests/consumer takes too, and rules_go,
// which is also a Go module.
func TestModuleVersions(t *testing.T) {
	t.Parallel()
	for _, problem := range otherModuleVersions(read(t, "MODULE.bazel"), read(t, "tests/consumer/MODULE.bazel"), read(t, "go.mod")) {
		t.Error(problem)
	}
}

// The version is the same wherever it has to stand.
func TestVersion(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for name := range versionPlaces {
		files[name] = read(t, name)
	}
	for _, problem := range otherVersions(files) {
		t.Error(problem)
	}
	// A release says which tag it is of.
	if tag := os.Getenv("PAUSE_TAG"); tag != "" && tag != "v"+imageVersion(files) {
		t.Errorf("the tag is %s, and images/annotations.bzl has the version %s; tag a commit that has the version", tag, imageVersion(files))
	}
}

// Every relative link in a document leads to a file that is tracked, and to a heading that exists.
func TestLinks(t *testing.T) {
	t.Parallel()
	files := checkout.Files(t)
	documents := map[string]string{}
	for name, content := range files {
		if strings.HasSuffix(name, ".md") {
			documents[name] = string(content)
		}
	}
	for _, problem := range brokenLinks(documents, slices.Collect(maps.Keys(files))) {
		t.Error(problem)
	}
}
