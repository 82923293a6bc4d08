// Package lint_test looks at the sources: it finds what a formatter or a linter would change, versions that differ from place to
// place, and links that lead nowhere. Its tests run in parallel, since somebody waits for them each time.
package lint_test

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
	"github.com/rhysd/actionlint"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tools/lint/format"
)

// Every file is as its formatter leaves it, and buildifier has no warning.
func TestFormatted(t *testing.T) {
	t.Parallel()
	files := tracked(t)
	module, err := format.ReadModule(checkout(t))
	need.NoError(t, err)
	for name, content := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			formatted, findings, err := format.File(name, content, module)
			need.NoError(t, err)
			for _, finding := range findings {
				t.Error(finding)
			}
			if !bytes.Equal(content, formatted) {
				t.Errorf("%s: line %d is not formatted; ./bazelw run //tools:format", name, firstDifference(content, formatted))
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
	args := []string{"--external-sources", "--format=gcc", "--"}
	for name, content := range tracked(t) {
		if format.IsShell(name, content) {
			args = append(args, name)
		}
	}
	if !slices.Contains(args, "bazelw") {
		t.Fatalf("bazelw is not among the shell scripts: %q", args)
	}
	cmd := exec.CommandContext(t.Context(), shellcheck, args...)
	cmd.Dir = checkout(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// actionlint, and through it shellcheck, find nothing in the workflows, and every action is pinned by its full commit.
func TestWorkflows(t *testing.T) {
	t.Parallel()
	shellcheck := need.Program(t, "shellcheck", "shellcheck")
	root, files := checkout(t), tracked(t)
	var workflows []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasPrefix(name, ".github/workflows/") {
			workflows = append(workflows, filepath.Join(root, name))
			for _, m := range usesLine.FindAllStringSubmatch(string(files[name]), -1) {
				if !pinned.MatchString(m[1]) {
					t.Errorf("%s: %s is not pinned as owner/name@COMMIT # vVERSION", name, m[1])
				}
			}
		}
	}
	if len(workflows) == 0 {
		t.Fatal("there are no workflows")
	}
	var out bytes.Buffer
	linter, err := actionlint.NewLinter(&out, &actionlint.LinterOptions{Shellcheck: shellcheck, WorkingDir: root, Oneline: true})
	need.NoError(t, err)
	project, err := actionlint.NewProject(root)
	need.NoError(t, err)
	found, err := linter.LintFiles(workflows, project)
	need.NoError(t, err)
	if len(found) > 0 {
		t.Errorf("%d findings:\n%s", len(found), out.String())
	}
}

var (
	// usesLine matches what a step uses, but for what is in this repository.
	usesLine = regexp.MustCompile(`(?m)^\s*(?:- )?uses:\s*([^.\s].*)$`)
	pinned   = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}\s+# v\d+(\.\d+)*$`)
)

// Bazel has no glob over packages, so the sources cannot all be declared as inputs without a list in every package that
// somebody would forget to extend. Where Bazel's link to go.mod leads, there is the tree. The price: Bazel cannot know when
// such a test is out of date (it carries the tag external and runs every time), and it does not run on a remote machine
// (no-remote). In return nothing that is tracked can escape it.

// envGoMod is the environment variable that has the location of go.mod in the runfiles.
const envGoMod = "PAUSE_GO_MOD"

// checkout returns the root of the source tree. Without Bazel, tests run in a folder two below it.
func checkout(t testing.TB) string {
	t.Helper()
	path, err := filepath.Abs("../../go.mod")
	if location := os.Getenv(envGoMod); location != "" {
		path, err = runfiles.Rlocation(location)
	}
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	need.NoError(t, err)
	root := filepath.Dir(path)
	if _, err := os.Stat(filepath.Join(root, "MODULE.bazel")); err != nil {
		t.Fatalf("no MODULE.bazel in %s: this test needs the source tree itself, so it cannot run remotely", root)
	}
	return root
}

// tracked returns the files of the source tree that git tracks, by their content. It skips the test, as package need does, where
// there is no git, or no git checkout.
func tracked(t testing.TB) map[string][]byte {
	t.Helper()
	need.Program(t, "git", "git")
	root := checkout(t)
	_, err := os.Stat(filepath.Join(root, ".git"))
	need.That(t, err == nil, "the tree is no git checkout, so there is no telling which files belong to it")
	names, err := format.Files(t.Context(), root)
	need.NoError(t, err)
	if len(names) < 50 {
		t.Fatalf("only %d files found in %s", len(names), root)
	}
	files := map[string][]byte{}
	for _, name := range names {
		files[name] = read(t, name)
	}
	return files
}

// read returns the content of a file of the source tree.
func read(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(checkout(t), name))
	need.NoError(t, err)
	return content
}
