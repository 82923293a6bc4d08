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
	"time"

	"example.com/pause/bench/lib/bazel"
	"example.com/pause/bench/reproducible/compare"
	"example.com/pause/tools/command"
)

const target = "//images:pause"

// shipped are the actions that make what is shipped. In a new output base they are never taken from a cache, unless the
// row is about that: comparing a result with itself would show nothing.
const shipped = "--modify_execution_info=^(GoFreestanding|Layer|OCIImage|OCIIndex|OCICanonical)$=+no-cache"

func main() { newCommand().Main() }

func newCommand() *command.Command {
	c := &command.Command{
		Name: "reproducible",
		Call: "bazel run //bench/reproducible --",
		Summary: "Builds all images again and again, each time under other circumstances, and compares every blob with the first\n" +
			"build's: a row each. docs/reproducibility.md says what it shows.",
		Examples: []string{
			"bazel run //bench/reproducible",
			"bazel run //bench/reproducible -- --slow",
			"bazel run //bench/reproducible -- --only=opt,locale",
		},
		Exit: map[int]string{0: "every build gave the same bytes", 1: "a row differs or failed"},
	}
	var flags bazel.Flags
	flags.Declare(&c.Flags)
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
	keep := c.Flags.Bool("keep", false, "leave everything where it is")
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) (err error) {
		site, err := flags.Open(ctx, "pause-reproducible")
		if err != nil {
			return err
		}
		if *keep {
			fmt.Fprintln(stdout, "working in", site.Dir)
		} else {
			defer func() { err = errors.Join(err, bazel.RemoveAll(site.Dir)) }()
		}
		m := &matrix{Site: site, ctx: ctx}
		defer func() { err = errors.Join(err, m.close()) }()
		return m.all(o, stdout)
	}
	return c
}

// options choose rows.
type options struct {
	slow bool
	only []string // names; nil: all that are not slow
}

// all does the rows, and prints a line for each.
func (m *matrix) all(o options, stdout io.Writer) error {
	var failed []string
	onNewBase := map[string]int{} // how many actions ran, by row
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
		if v.base && !v.cached && err == nil {
			onNewBase[v.name] = counts.Executed()
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
	// How many it takes is known once a row has made the images and nothing else.
	for name, ran := range onNewBase {
		if ran < m.made {
			failed = append(failed, name)
			fmt.Fprintf(stdout, "%-9s%-24s%d actions ran, and it takes %d to make the images\n", "FAILED", name, ran, m.made)
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
	ctx     context.Context
	digest  string // of the first build
	made    int    // actions that make what is shipped
	servers []bazel.Run
}

func (m *matrix) firstBase() string   { return filepath.Join(m.Dir, "base") }
func (m *matrix) firstLayout() string { return filepath.Join(m.Dir, "layouts", variations[0].name) }

// do does one row. differences is empty if every blob is the same, and the row did what it says.
func (m *matrix) do(v variation) (counts bazel.Counts, differences []string, err error) {
	here := filepath.Join(m.Dir, "rows", strings.ReplaceAll(v.name, " ", "-"))
	if err := plant(here); err != nil {
		return counts, nil, err
	}
	fill := func(values []string) []string {
		filled := make([]string, len(values))
		for i, value := range values {
			filled[i] = strings.ReplaceAll(value, "HERE", here)
		}
		return filled
	}
	mode := v.mode
	if mode == "" {
		mode = "fastbuild"
	}
	r := bazel.Run{
		Workspace: m.Workspace, OutputBase: m.firstBase(), Command: "build", Log: m.Log, Wrap: fill(v.wrap),
		// The sealed root, which HOME would move, stays where it is.
		Env:  append([]string{"BAZELW_CACHE=" + sealedCache()}, fill(v.env)...),
		Args: []string{"--compilation_mode=" + mode},
	}
	tools := filepath.Join(m.Dir, "tools")
	if v.user != 0 {
		tools = filepath.Join(here, "tools")
	}
	if v.base {
		r.OutputBase = filepath.Join(m.Dir, "base")
		if m.digest != "" {
			r.OutputBase = filepath.Join(here, "base")
		}
		if err := bazel.Seed(r.OutputBase, m.Repositories); err != nil {
			return counts, nil, err
		}
	}
	switch {
	case v.cold || !v.base:
		r.Args = append(r.Args, "--disk_cache=")
	case v.cached || m.digest == "":
		r.Args = append(r.Args, "--disk_cache="+tools)
	default:
		r.Args = append(r.Args, "--disk_cache="+tools, shipped)
	}
	if v.folder != "" {
		r.Workspace = filepath.Join(here, v.folder)
		if err := copyCheckout(m.Workspace, r.Workspace, v.old); err != nil {
			return counts, nil, err
		}
	}
	if v.root {
		r.Env = append(r.Env, "BAZELW_MODE=sealed", "BAZELW_CACHE="+filepath.Join(here, "sealed"))
	}
	if v.user != 0 {
		r.Env = append(r.Env, "BAZELW_CACHE="+filepath.Join(here, "sealed"), "HOME="+filepath.Join(here, "home"), "USER=")
		id := strconv.Itoa(v.user)
		r.Wrap = append(r.Wrap, "setpriv", "--reuid="+id, "--regid="+id, "--clear-groups")
		if out, err := exec.Command("chown", "-R", id+":"+id, here).CombinedOutput(); err != nil {
			return counts, nil, fmt.Errorf("chown: %s", out)
		}
	}
	r.Args = append(append(r.Args, fill(v.args)...), target)
	if !v.base {
		// The server has the environment that it was started in.
		if err := m.end(r.OutputBase); err != nil {
			return counts, nil, err
		}
		bins, err := filepath.Glob(filepath.Join(r.OutputBase, "execroot", "_main", "bazel-out", "*", "bin"))
		if err != nil {
			return counts, nil, err
		}
		for _, bin := range bins {
			if err := bazel.Forget(bin); err != nil {
				return counts, nil, err
			}
		}
	}
	m.servers = append(m.servers, r)
	line := m.Progress(v.name)
	counts, err = r.Do(m.ctx)
	line.Stop()
	if err != nil {
		return counts, nil, err
	}
	bin, err := bazel.Bin(r.OutputBase, mode)
	if err != nil {
		return counts, nil, err
	}
	kept := filepath.Join(m.Dir, "layouts", v.name)
	if err := os.CopyFS(kept, os.DirFS(filepath.Join(bin, "images", "pause"))); err != nil {
		return counts, nil, err
	}
	if v.base && m.digest != "" {
		// Two servers at once are one too many for a small machine.
		if err := m.end(r.OutputBase); err != nil {
			return counts, nil, err
		}
	}
	if m.digest == "" {
		m.digest, err = bazel.Digest(bin)
		return counts, nil, err
	}
	if !v.base && m.made == 0 {
		m.made = counts.Executed()
	}
	switch {
	case v.cached && counts.Executed() > 0:
		differences = append(differences, fmt.Sprintf("%d actions ran, and all should have come from the cache: %v", counts.Executed(), counts.Runners))
	case !v.cached && counts.Executed() == 0:
		differences = append(differences, "no action ran, so that nothing was shown")
	case !v.base && counts.Executed() < m.made:
		differences = append(differences, fmt.Sprintf("%d actions ran, and it takes %d to make the images", counts.Executed(), m.made))
	}
	if called, err := os.ReadFile(filepath.Join(here, "called")); err == nil {
		differences = append(differences, "the build called programs of the machine: "+strings.Join(strings.Split(strings.TrimSpace(string(called)), "\n"), "; "))
	}
	found, err := compare.Layouts(m.firstLayout(), kept)
	return counts, append(differences, found...), err
}

// graph returns the lines of the images' action graph that contain a path of this machine.
func (m *matrix) graph() ([]string, error) {
	if err := m.end(m.firstBase()); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	r := bazel.Run{
		Workspace: m.Workspace, OutputBase: m.firstBase(), Command: "aquery", Log: m.Log, Stdout: &text,
		Args: []string{"--noshow_progress", "--include_file_write_contents", "deps(" + target + ")"},
	}
	m.servers = append(m.servers, r)
	if _, err := r.Do(m.ctx); err != nil {
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
	return compare.Paths(text.String(), paths), nil
}

// end ends the server of an output base, if this program started one.
func (m *matrix) end(base string) error {
	var errs []error
	m.servers = slices.DeleteFunc(m.servers, func(r bazel.Run) bool {
		if r.OutputBase != base {
			return false
		}
		errs = append(errs, r.Shutdown())
		return true
	})
	return errors.Join(errs...)
}

// close ends every server.
func (m *matrix) close() error {
	var errs []error
	for len(m.servers) > 0 {
		errs = append(errs, m.end(m.servers[0].OutputBase))
	}
	return errors.Join(errs...)
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

// copyCheckout copies what git tracks, as it is now, and user.bazelrc not: it is of one developer.
func copyCheckout(from, to string, old bool) error {
	// The checkout may belong to another user than the one, root, who runs this.
	out, err := exec.Command("git", "-c", "safe.directory=*", "-C", from, "ls-files", "-z").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = errors.New(strings.TrimSpace(string(exit.Stderr)))
		}
		return fmt.Errorf("git cannot list the files of %s: %w", from, err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(from, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return err
		}
		if info.Mode().Type() == os.ModeSymlink {
			target, err := os.Readlink(filepath.Join(from, name))
			if err != nil {
				return err
			}
			if err := os.Symlink(target, path); err != nil {
				return err
			}
			continue
		}
		content, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, content, info.Mode().Perm()); err != nil {
			return err
		}
		if old {
			if err := os.Chtimes(path, time.Time{}, time.Date(1999, 12, 31, 23, 59, 58, 0, time.UTC)); err != nil {
				return err
			}
		}
	}
	return nil
}
