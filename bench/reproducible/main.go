// Command reproducible builds all images again and again, each time under other circumstances, and compares every blob.
// The matrix of circumstances is in variations.go; docs/reproducibility.md says what it shows.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"example.com/pause/bench/lib/bazel"
	"example.com/pause/tools/command"
)

const target = "//images:pause"

// shipped are the actions that make what is shipped. In a new output base they are never taken from a cache, unless the
// row is about that: comparing a result with itself would show nothing.
const shipped = "--modify_execution_info=^(GoFreestanding|Layer|OCIImage|OCIIndex|OCICanonical)$=+no-cache"

func main() {
	c := &command.Command{
		Name: "reproducible",
		Call: "./bazelw run //bench/reproducible --",
		Summary: "Builds all images again and again, each time under other circumstances, and compares every blob with the first\n" +
			"build's: a row each. docs/reproducibility.md says what it shows.",
		Examples: []string{
			"./bazelw run //bench/reproducible",
			"./bazelw run //bench/reproducible -- --slow",
			"./bazelw run //bench/reproducible -- --only=opt,locale",
		},
	}
	scratch := bazel.Declare(&c.Flags)
	var o options
	c.Flags.BoolVar(&o.slow, "slow", false, "also the rows that take minutes each: cold, another user, a sealed root made anew")
	c.Flags.Func("only", "the `names` of the rows to do after the first, separated by commas (default: all)", func(list string) error {
		o.only = strings.Split(list, ",")
		for _, name := range o.only {
			if !slices.ContainsFunc(variations, func(v variation) bool { return v.name == name }) {
				return fmt.Errorf("there is no row %q; the names are in bench/reproducible/variations.go", name)
			}
		}
		return nil
	})
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) (err error) {
		site, err := bazel.Open(ctx, *scratch, "pause-reproducible")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, bazel.RemoveAll(site.Dir)) }()
		m := &matrix{Site: site, ctx: ctx}
		return m.all(o, stdout)
	}
	c.Main()
}

// options choose rows.
type options struct {
	slow bool
	only []string // names; nil: all that are not slow
}

// all does the rows, and prints a line for each.
func (m *matrix) all(o options, stdout io.Writer) error {
	var failed []string
	for i, v := range variations {
		if i > 0 && o.only != nil && !slices.Contains(o.only, v.name) {
			continue
		}
		if v.skip != nil {
			if reason := v.skip(m.Dir); reason != "" {
				fmt.Fprintf(stdout, "skipped  %-24s%s: %s\n", v.name, v.differs, reason)
				continue
			}
		}
		if v.slow && !o.slow && !slices.Contains(o.only, v.name) {
			fmt.Fprintf(stdout, "skipped  %-24s%s: slow, ask for it with --slow\n", v.name, v.differs)
			continue
		}
		counts, differences, err := m.do(v)
		if m.ctx.Err() != nil {
			return fmt.Errorf("interrupted in row %q", v.name)
		}
		if err != nil {
			differences = []string{err.Error()}
		}
		verdict := "same"
		if len(differences) > 0 {
			verdict = "FAILED"
			failed = append(failed, v.name)
		}
		fmt.Fprintf(stdout, "%-9s%-24s%s (%d actions ran, %d from a cache, %.0f s)\n", verdict, v.name, v.differs, counts.Executed(), counts.Hits(), counts.Wall.Seconds())
		for _, line := range differences {
			fmt.Fprintln(stdout, "         "+line)
		}
		if i == 0 && err != nil {
			return errors.New("without the first build there is nothing to compare with")
		}
	}
	paths, err := m.graph()
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		fmt.Fprintf(stdout, "%-9s%-24sno path of this machine in the action graph of %s\n", "same", "action graph", target)
	} else {
		failed = append(failed, "action graph")
		fmt.Fprintf(stdout, "%-9s%-24spaths of this machine in it, the first of %d:\n", "FAILED", "action graph", len(paths))
		for _, line := range paths[:min(len(paths), 10)] {
			fmt.Fprintln(stdout, "         "+line)
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("not reproducible: %s", strings.Join(failed, ", "))
	}
	fmt.Fprintf(stdout, "\nevery build gave %s\n", m.digest)
	return nil
}

// A matrix is one run of this command.
type matrix struct {
	bazel.Site
	ctx    context.Context
	digest string // of the first build
	made   int    // actions that make what is shipped; known from the first row that makes nothing else
}

func (m *matrix) firstBase() string { return filepath.Join(m.Dir, "base") }

// layout is where the images of a row are kept.
func (m *matrix) layout(v variation) string { return filepath.Join(m.Dir, "layouts", v.name) }

// do does one row. differences is empty if every blob is the same, and the row did what it says.
func (m *matrix) do(v variation) (counts bazel.Counts, differences []string, err error) {
	here := filepath.Join(m.Dir, "rows", strings.ReplaceAll(v.name, " ", "-"))
	if err := plant(here); err != nil {
		return counts, nil, err
	}
	r, err := m.prepare(v, here)
	if err != nil {
		return counts, nil, err
	}
	// The next row has a server of its own, in its own environment; two at once are one too many for a small machine.
	defer func() { err = errors.Join(err, r.Shutdown()) }()
	if counts, err = m.Do(m.ctx, v.name, r); err != nil {
		return counts, nil, err
	}
	bin, err := bazel.Bin(r.OutputBase, v.compilationMode())
	if err != nil {
		return counts, nil, err
	}
	if err := os.CopyFS(m.layout(v), os.DirFS(filepath.Join(bin, "images", "pause"))); err != nil {
		return counts, nil, err
	}
	if m.digest == "" {
		m.digest, err = bazel.Digest(bin)
		return counts, nil, err
	}
	if !v.base && m.made == 0 {
		m.made = counts.Executed()
	}
	differences = m.judge(v, counts)
	if called, err := os.ReadFile(filepath.Join(here, "called")); err == nil {
		differences = append(differences, "the build called programs of the machine: "+strings.Join(strings.Split(strings.TrimSpace(string(called)), "\n"), "; "))
	}
	found, err := compare(m.layout(variations[0]), m.layout(v))
	return counts, append(differences, found...), err
}

// prepare makes everything as a row wants it, in its folder here, and returns the call of Bazel.
func (m *matrix) prepare(v variation, here string) (bazel.Run, error) {
	fill := func(values []string) []string {
		filled := make([]string, len(values))
		for i, value := range values {
			filled[i] = strings.ReplaceAll(value, "HERE", here)
		}
		return filled
	}
	r := bazel.Run{
		Workspace: m.Workspace, OutputBase: m.firstBase(), Command: "build", Wrap: fill(v.wrap),
		// The sealed root, which HOME would move, stays where it is.
		Env:  append([]string{"BAZELW_CACHE=" + sealedCache()}, fill(v.env)...),
		Args: []string{"--compilation_mode=" + v.compilationMode()},
	}
	if v.base && m.digest != "" {
		r.OutputBase = filepath.Join(here, "base")
	}
	tools := filepath.Join(m.Dir, "tools")
	if v.user != 0 {
		tools = filepath.Join(here, "tools")
	}
	switch {
	case v.cold || !v.base:
		r.Args = append(r.Args, "--disk_cache=")
	case v.cached || m.digest == "":
		r.Args = append(r.Args, "--disk_cache="+tools)
	default:
		r.Args = append(r.Args, "--disk_cache="+tools, shipped)
	}
	r.Args = append(append(r.Args, fill(v.args)...), target)
	if v.root {
		r.Env = append(r.Env, "BAZELW_MODE=sealed", "BAZELW_CACHE="+filepath.Join(here, "sealed"))
	}
	if !v.base {
		return r, forget(r.OutputBase)
	}
	if err := m.Seed(r.OutputBase); err != nil {
		return r, err
	}
	if v.folder != "" {
		r.Workspace = filepath.Join(here, v.folder)
		if err := m.Copy(r.Workspace); err != nil {
			return r, err
		}
	}
	if v.old {
		out, err := exec.Command("find", r.Workspace, "-type", "f", "-exec", "touch", "--date=1999-12-31T23:59:58Z", "{}", "+").CombinedOutput()
		if err != nil {
			return r, fmt.Errorf("touch: %w: %s", err, out)
		}
	}
	if v.user != 0 {
		r.Env = append(r.Env, "BAZELW_CACHE="+filepath.Join(here, "sealed"), "HOME="+filepath.Join(here, "home"), "USER=")
		id := strconv.Itoa(v.user)
		r.Wrap = append(r.Wrap, "setpriv", "--reuid="+id, "--regid="+id, "--clear-groups")
		if out, err := exec.Command("chown", "-R", id+":"+id, here).CombinedOutput(); err != nil {
			return r, fmt.Errorf("chown: %s", out)
		}
	}
	return r, nil
}

// forget removes from an output base what the program's and the images' actions made.
func forget(base string) error {
	bins, err := filepath.Glob(filepath.Join(base, "execroot", "_main", "bazel-out", "*", "bin"))
	for _, bin := range bins {
		err = errors.Join(err, bazel.Forget(bin))
	}
	return err
}

// judge says whether as many actions ran as the row is about: one that took its results from a cache shows nothing.
func (m *matrix) judge(v variation, counts bazel.Counts) []string {
	switch ran := counts.Executed(); {
	case v.cached && ran > 0:
		return []string{fmt.Sprintf("%d actions ran, and all should have come from the cache: %v", ran, counts.Runners)}
	case !v.cached && ran < max(m.made, 1):
		return []string{fmt.Sprintf("%d actions ran, and it takes %d at least to make the images", ran, max(m.made, 1))}
	}
	return nil
}

// graph returns the lines of the images' action graph that contain a path of this machine.
func (m *matrix) graph() ([]string, error) {
	var text bytes.Buffer
	r := bazel.Run{
		Workspace: m.Workspace, OutputBase: m.firstBase(), Command: "aquery", Stdout: &text,
		Args: []string{"--noshow_progress", "--include_file_write_contents", "deps(" + target + ")"},
	}
	_, err := m.Do(m.ctx, "action graph", r)
	if err := errors.Join(err, r.Shutdown()); err != nil {
		return nil, err
	}
	if !strings.Contains(text.String(), "Mnemonic: OCICanonical") {
		return nil, errors.New("the action graph lacks the images; has `bazel aquery` changed what it prints?")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = ""
	}
	paths := []string{m.Workspace, home + "/", m.Dir, m.Repositories, sealedCache(), os.TempDir() + "/"}
	return pathsIn(text.String(), paths), nil
}

// sealedCache returns where bazelw keeps its sealed roots.
func sealedCache() string {
	if dir := os.Getenv("BAZELW_CACHE"); dir != "" {
		return dir
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(cache, "pause-sealed")
}
