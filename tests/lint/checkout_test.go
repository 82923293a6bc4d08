// The source tree itself, for the tests of this package.
//
// Bazel has no glob over packages, so the sources cannot all be declared as inputs without a list in every package that
// somebody would forget to extend. Where Bazel's link to go.mod leads, there is the tree. The price: Bazel cannot know when
// such a test is out of date (it carries the tag external and runs every time), and it does not run on a remote machine
// (no-remote). In return nothing that is tracked can escape it.

package lint_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tools/lint/format"
)

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
