// Package hygiene holds the repository to its own rules: what a formatter or a linter would change, versions that are
// written in two places, names that only one machine knows, links that lead nowhere.
//
// Bazel has no glob over packages, so the sources cannot all be declared as inputs without a list in every package that
// somebody would forget to extend. These tests look at the tree itself instead, where Bazel's links to the sources lead.
// The price: Bazel cannot know when they are out of date (they carry the tag external and run every time), and they do
// not run on a remote machine (no-remote). In return nothing that is tracked can escape them. They run in parallel, since
// somebody waits for them each time.
package hygiene

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
	"github.com/rhysd/actionlint"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tools/lint/format"
)

// workspace returns the root of the source tree.
func workspace(t *testing.T) string {
	t.Helper()
	at, err := os.Getwd()
	if source := os.Getenv("PAUSE_SOURCE"); source != "" {
		at, err = runfiles.Rlocation(source)
		if err == nil {
			at, err = filepath.EvalSymlinks(at)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	for dir := at; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "MODULE.bazel")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatalf("no MODULE.bazel above %s: this test needs the source tree itself, so it cannot run remotely", at)
		}
	}
}

// tree returns the root of the source tree and the files in it.
func tree(t *testing.T) (root string, names []string) {
	t.Helper()
	need.Program(t, "git", "git")
	root = workspace(t)
	_, err := os.Stat(filepath.Join(root, ".git"))
	need.That(t, err == nil, "the tree is no git checkout, so there is no telling which files belong to it")
	names, err = format.Tree(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	if len(names) < 50 {
		t.Fatalf("only %d files found in %s", len(names), root)
	}
	return root, names
}

func read(t *testing.T, root, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Every file is as its formatter leaves it, and buildifier has no warning.
func TestFormatted(t *testing.T) {
	t.Parallel()
	root, names := tree(t)
	module, err := format.ReadModule(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			content := read(t, root, name)
			formatted, findings, err := format.File(name, content, module)
			if err != nil {
				t.Fatal(err)
			}
			for _, finding := range findings {
				t.Error(finding)
			}
			if !bytes.Equal(content, formatted) {
				t.Errorf("%s: line %d is not formatted; bazel run //tools:format", name, firstDifference(content, formatted))
			}
		})
	}
}

// firstDifference returns the number of the first line that differs, from 1 on.
func firstDifference(a, b []byte) int {
	line := 1
	for i := 0; i < len(a) && i < len(b) && a[i] == b[i]; i++ {
		if a[i] == '\n' {
			line++
		}
	}
	return line
}

// shellcheck finds nothing in the shell scripts.
func TestShellcheck(t *testing.T) {
	t.Parallel()
	shellcheck := need.Program(t, "shellcheck", "shellcheck")
	root, names := tree(t)
	var scripts []string
	for _, name := range names {
		if format.IsShell(name, read(t, root, name)) {
			scripts = append(scripts, name)
		}
	}
	if len(scripts) == 0 {
		t.Fatal("there are no shell scripts, not even bazelw")
	}
	cmd := exec.CommandContext(t.Context(), shellcheck, append([]string{"--external-sources", "--format=gcc", "--"}, scripts...)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// actionlint, and through it shellcheck, find nothing in the workflows, and every action is pinned by its full commit.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	shellcheck := need.Program(t, "shellcheck", "shellcheck")
	root, names := tree(t)
	var out bytes.Buffer
	linter, err := actionlint.NewLinter(&out, &actionlint.LinterOptions{Shellcheck: shellcheck, WorkingDir: root, Oneline: true})
	if err != nil {
		t.Fatal(err)
	}
	var workflows []string
	for _, name := range names {
		if strings.HasPrefix(name, ".github/workflows/") {
			workflows = append(workflows, filepath.Join(root, name))
			for _, problem := range unpinned(name, string(read(t, root, name))) {
				t.Error(problem)
			}
		}
	}
	if len(workflows) == 0 {
		t.Fatal("there are no workflows")
	}
	project, err := actionlint.NewProject(root)
	if err != nil {
		t.Fatal(err)
	}
	found, err := linter.LintFiles(workflows, project)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) > 0 {
		t.Errorf("%d findings:\n%s", len(found), out.String())
	}
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
	wanted := strings.TrimSpace(string(read(t, workspace(t), ".bazelversion")))
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
	need.That(t, os.Getenv("PAUSE_SOURCE") != "", "this test does not run under Bazel, so any Go may have compiled it")
	module, err := format.ReadModule(workspace(t))
	if err != nil {
		t.Fatal(err)
	}
	if want := "go" + module.Go; runtime.Version() != want {
		t.Errorf("go.mod says %s, and the SDK is %s", want, runtime.Version())
	}
}

// The sealed root's Go modules have the versions of MODULE.bazel and go.mod, and the SDK of freestanding_binary that of go.mod.
func TestSealedVersions(t *testing.T) {
	t.Parallel()
	root := workspace(t)
	module, err := format.ReadModule(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range sealedVersions(string(read(t, root, "sealed/go_modules.txt")), string(read(t, root, "MODULE.bazel")), module.Go) {
		t.Error(problem)
	}
	for _, problem := range otherGoVersion(string(read(t, root, "tools/freestanding.bzl")), module.Go) {
		t.Error(problem)
	}
}

// The modules that stand in two places have one version: those of MODULE.bazel that tests/consumer takes too, and rules_go,
// which is also a Go module.
func TestModuleVersions(t *testing.T) {
	t.Parallel()
	root := workspace(t)
	for _, problem := range otherModuleVersions(string(read(t, root, "MODULE.bazel")), string(read(t, root, "tests/consumer/MODULE.bazel")), string(read(t, root, "go.mod"))) {
		t.Error(problem)
	}
}

// The version is the same wherever it has to stand.
func TestVersion(t *testing.T) {
	t.Parallel()
	root := workspace(t)
	files := map[string]string{}
	for name := range versionPlaces {
		files[name] = string(read(t, root, name))
	}
	for _, problem := range otherVersions(files) {
		t.Error(problem)
	}
	// A release says which tag it is of.
	if tag := os.Getenv("PAUSE_TAG"); tag != "" && tag != "v"+imageVersion(files) {
		t.Errorf("the tag is %s, and images/annotations.bzl has the version %s; tag a commit that has the version", tag, imageVersion(files))
	}
}

// Every command is among those whose help and errors are tested.
func TestCommandsAreListed(t *testing.T) {
	t.Parallel()
	root, names := tree(t)
	sources := map[string]string{}
	for _, name := range names {
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			sources[name] = string(read(t, root, name))
		}
	}
	for _, problem := range unlisted(sources, string(read(t, root, "tests/commands/BUILD.bazel"))) {
		t.Error(problem)
	}
}

// No tracked file names a folder or a host of the machine it was written on.
func TestNoMachineNames(t *testing.T) {
	t.Parallel()
	root, names := tree(t)
	forbidden := machineNames(root)
	for _, name := range names {
		for _, problem := range forbidden.find(name, string(read(t, root, name))) {
			t.Error(problem)
		}
	}
}

// Every relative link in a document leads to a file that is tracked, and to a heading that exists.
func TestLinks(t *testing.T) {
	t.Parallel()
	root, names := tree(t)
	documents := map[string]string{}
	for _, name := range names {
		if strings.HasSuffix(name, ".md") {
			documents[name] = string(read(t, root, name))
		}
	}
	for _, problem := range brokenLinks(documents, names) {
		t.Error(problem)
	}
}
