// Package lint_test looks at the sources: it finds what a formatter or a linter would change, versions that differ from place to
// place, and links that lead nowhere. Its tests run in parallel, since somebody waits for them each time.
package lint_test

import (
	"bytes"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

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
			for _, problem := range unpinned(name, string(files[name])) {
				t.Error(problem)
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
	usesLine   = regexp.MustCompile(`^\s*(?:- )?uses:\s*(\S+)(.*)$`)
	pinnedUse  = regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	versionTag = regexp.MustCompile(`^\s+# v\d+(\.\d+)*$`)
)

// unpinned returns the lines of a workflow that use an action by anything but its full commit, with its version beside.
func unpinned(name, content string) (problems []string) {
	for i, line := range strings.Split(content, "\n") {
		if m := usesLine.FindStringSubmatch(line); m != nil && !strings.HasPrefix(m[1], "./") &&
			(!pinnedUse.MatchString(m[1]) || !versionTag.MatchString(m[2])) {
			problems = append(problems, fmt.Sprintf("%s:%d: %s is not pinned as owner/name@COMMIT # vVERSION", name, i+1, m[1]))
		}
	}
	return problems
}

// An action that is not pinned is found, and one that is is not.
func TestUnpinned(t *testing.T) {
	t.Parallel()
	commit := strings.Repeat("0123456789", 4)
	for line, want := range map[string]int{
		"  - uses: a/b@" + commit + " # v1.2.3\n  - uses: ./local": 0,
		"  - uses: a/b@v1":          1,
		"    uses: a/b/c@" + commit: 1,
	} {
		if got := unpinned("w", line); len(got) != want {
			t.Errorf("%q: %q, want %d problems", line, got, want)
		}
	}
}
