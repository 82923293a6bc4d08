// Command cache shows what a remote cache does to the build of the images: it fills one (nginx with WebDAV, on loopback),
// builds again on a new output base from it, then breaks it in every way that caches break.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"time"

	"example.com/pause/bench/cache/report"
	"example.com/pause/bench/lib/bazel"
	"example.com/pause/bench/lib/machine"
	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/targets"
	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
)

const (
	target = "//images:pause"
	mode   = "fastbuild"
)

func main() { newCommand().Main() }

func newCommand() *command.Command {
	c := &command.Command{
		Name: "cache",
		Call: "bazel run //bench/cache --",
		Summary: "Builds the images with a remote cache (nginx, on loopback) that is filled, used and broken in every way that caches\n" +
			"break. It prints a row for each build. docs/remote-cache.md says more.",
		Examples: []string{
			"bazel run //bench/cache",
			"bazel run //bench/cache -- --scratch=$HOME/scratch --verbose",
		},
		Exit: map[int]string{
			0: "every build gave the same digest, and ran only the actions that it should",
			1: "a build failed, an action ran that should not have, or a digest changed",
		},
	}
	var flags bazel.Flags
	flags.Declare(&c.Flags)
	file := c.Flags.String("json", "", "write the result to this `file` as well, as JSON, if nothing failed")
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) (err error) {
		program, err := findNginx()
		if err != nil {
			return err
		}
		site, err := flags.Open(ctx, "pause-cache")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, bazel.RemoveAll(site.Dir)) }()
		c := &check{Site: site, ctx: ctx, nginx: program, out: stdout}
		defer func() { err = errors.Join(err, c.close()) }()
		if c.report.State, err = machine.Now(); err != nil {
			return err
		}
		if err := c.all(); err != nil || *file == "" {
			return err
		}
		return stage.File(targets.FromWorkingDirectory(*file), func(f *os.File) error { return c.report.JSON(f) })
	}
	return c
}

// A check is one run of this command.
type check struct {
	bazel.Site
	ctx      context.Context
	nginx    string // the program
	out      io.Writer
	report   report.Report // has the digest of the first build; every other must have the same
	bases    []string
	failures []string
	skipped  []string
}

// all does the scenarios in turn.
func (c *check) all() error {
	if err := report.WriteHead(c.out); err != nil {
		return err
	}
	full, err := startNginx(c.nginx, filepath.Join(c.Dir, "full"), "")
	if err != nil {
		return err
	}
	defer func() { full.kill() }()
	door, err := startProxy(full.url)
	if err != nil {
		return err
	}
	defer door.Close()

	// main writes; the cache is empty.
	first, _, err := c.build("first, fills the cache", "one", door, writer)
	if err != nil {
		return err
	}
	c.expect(first.Executed() > 0 && door.seen().stored > 0, "the first build ran %d actions and stored %d blobs", first.Executed(), door.seen().stored)
	c.expect(first.Hits() == 0, "the first build had %d hits in an empty cache", first.Hits())

	// A pull request reads, on a machine that has never built this.
	second, _, err := c.build("second, new output base", "two", door, reader)
	if err != nil {
		return err
	}
	c.expect(second.Executed() == 0, "the second build ran %d actions: %v", second.Executed(), second.Runners)
	c.expect(second.Hits() >= first.Executed(), "the second build had %d hits, the first ran %d actions", second.Hits(), first.Executed())
	c.expect(door.seen().puts == 0, "a reader sent %d PUTs", door.seen().puts)

	// From here on the tools stay, and the program and the images are made again.
	const base = "two"
	if err := c.faults(base, full, door); err != nil {
		return err
	}
	if len(c.failures) > 0 {
		return fmt.Errorf("%d failed:\n  %s", len(c.failures), strings.Join(c.failures, "\n  "))
	}
	if len(c.skipped) > 0 {
		reason := "skipped, on this machine: " + strings.Join(c.skipped, ", ")
		if need.Required() {
			return errors.New(reason)
		}
		fmt.Fprintf(c.out, "\n%s\n", reason)
	}
	fmt.Fprintf(c.out, "\nevery build gave %s\n", c.report.Digest)
	return nil
}

// faults builds the images again and again while the cache fails. base is an output base that has built them.
func (c *check) faults(base string, full *nginx, door *proxy) error {
	again := func(title string, p *proxy, access []string) (bazel.Counts, error) {
		counts, _, err := c.build(title, base, p, access)
		return counts, err
	}
	door.inject(healthy, 0, nil)
	whole, err := again("images again, cache whole", door, reader)
	if err != nil {
		return err
	}
	c.expect(whole.Executed() == 0 && whole.Hits() > 0, "from the whole cache: %d hits, %d run", whole.Hits(), whole.Executed())

	// A reader with nothing to read builds, and writes nothing.
	empty, err := startNginx(c.nginx, filepath.Join(c.Dir, "empty"), "")
	if err != nil {
		return err
	}
	defer empty.kill()
	side, err := startProxy(empty.url)
	if err != nil {
		return err
	}
	defer side.Close()
	counts, err := again("cache empty, reader", side, reader)
	if err != nil {
		return err
	}
	entries, err := empty.entries("")
	if err != nil {
		return err
	}
	c.expect(counts.Executed() == whole.Hits() && side.seen().puts == 0 && len(entries) == 0,
		"a reader of an empty cache: %d run (expected %d), %d PUTs, %d entries", counts.Executed(), whole.Hits(), side.seen().puts, len(entries))

	// A writer who has only the port to read is refused, and builds.
	front, err := startProxy(empty.read)
	if err != nil {
		return err
	}
	defer front.Close()
	if _, err := again("writing, to the port that is only read", front, writer); err != nil {
		return err
	}
	if entries, err = empty.entries(""); err != nil {
		return err
	}
	c.expect(front.seen().refused > 0 && front.seen().stored == 0 && len(entries) == 0,
		"the port to read: %d PUTs refused, %d accepted, %d entries", front.seen().refused, front.seen().stored, len(entries))

	side.inject(answer500, 0, nil)
	if _, err := again("every answer is 500", side, writer); err != nil {
		return err
	}
	c.expect(side.seen().faults > 0, "no 500 was answered")

	for _, f := range []struct {
		title string
		fault fault
		after int
	}{
		{"500 from the tenth request on", answer500, 10},
		{"connections cut from the tenth on", cutConnection, 10},
	} {
		door.inject(f.fault, f.after, nil)
		if _, err := again(f.title, door, reader); err != nil {
			return err
		}
		c.expect(door.seen().faults > 0, "%s: no fault was met", f.title)
	}

	door.inject(healthy, 10, full.kill)
	if _, err := again("killed after ten requests", door, reader); err != nil {
		return err
	}
	c.expect(door.seen().faults > 0, "the killed cache was not missed")

	// Of the next, nothing answers at all: first not even the connection, then not in time.
	gone, err := startProxy(full.url)
	if err != nil {
		return err
	}
	gone.Close()
	if counts, err = again("not there from the start", gone, reader); err != nil {
		return err
	}
	c.expect(counts.Executed() == whole.Hits(), "without a cache: %d run (expected %d)", counts.Executed(), whole.Hits())

	side.inject(noAnswer, 0, nil)
	// As .bazelrc has it, but not waiting for 15 seconds each time.
	if counts, err = again("no answer, given up after 1 s", side, append(slices.Clone(reader), "--remote_timeout=1")); err != nil {
		return err
	}
	c.expect(side.seen().faults > 0 && counts.Executed() == whole.Hits(), "no answer: %d run (expected %d)", counts.Executed(), whole.Hits())

	if err := c.writing(base, whole); err != nil {
		return err
	}

	// The killed server comes back with what it had; then what it had is damaged, each time a copy.
	for _, d := range []struct {
		title, folder string
		how           func(file string) error
		// harmless is damage that may be of a time, or of what else is not looked at: the result is as good as before.
		harmless bool
	}{
		{"back again, nothing lost", "", nil, false},
		{"one byte changed in all of cas/", "cas", changeByte, false},
		{"all of cas/ cut in half", "cas", halve, false},
		{"all of cas/ empty", "cas", makeEmpty, false},
		{"all of cas/ gone, ac/ there", "cas", os.Remove, false},
		{"one byte changed in all of ac/", "ac", changeByte, true},
		{"all digests changed in all of ac/", "ac", changeDigests, false},
		{"all of ac/ cut in half", "ac", halve, false},
	} {
		copied := &nginx{dir: filepath.Join(c.Dir, "damaged")}
		if err := os.CopyFS(copied.dir, os.DirFS(full.dir)); err != nil {
			return err
		}
		if d.folder != "" {
			if err := copied.damage(d.folder, d.how); err != nil {
				return err
			}
		}
		counts, err := c.read(d.title, base, copied.dir)
		if err != nil {
			return err
		}
		switch {
		case d.folder == "":
			c.expect(counts.Executed() == 0, "after the crash %d actions ran", counts.Executed())
		case !d.harmless:
			c.expect(counts.Executed() == whole.Hits(), "%s: %d actions ran (expected %d), so what is damaged was believed", d.title, counts.Executed(), whole.Hits())
		}
		if err := bazel.RemoveAll(copied.dir); err != nil {
			return err
		}
	}
	return nil
}

// writing fills caches that fail meanwhile, and reads what they got: none of it may be wrong.
func (c *check) writing(base string, whole bazel.Counts) error {
	for _, f := range []struct {
		title, folder, size string
		fault               fault
		after               int
		kill                bool
	}{
		{title: "writing, uploads cut from the 60th on", folder: "cut", fault: cutUpload, after: 60},
		{title: "writing, killed after 200 requests", folder: "killed", after: 200, kill: true},
		{title: "writing, disk full", folder: "tiny", size: "32k"},
	} {
		server, err := startNginx(c.nginx, filepath.Join(c.Dir, f.folder), f.size)
		if err != nil && f.size != "" {
			c.skipped = append(c.skipped, f.title)
			fmt.Fprintf(c.out, "%-38sskipped: no file system of its own for the cache: %v\n", f.title, err)
			continue
		}
		if err != nil {
			return err
		}
		defer server.kill()
		p, err := startProxy(server.url)
		if err != nil {
			return err
		}
		defer p.Close()
		var before func()
		if f.kill {
			before = server.kill
		}
		p.inject(f.fault, f.after, before)
		if _, _, err := c.build(f.title, base, p, writer); err != nil {
			return err
		}
		t := p.seen()
		c.expect(t.faults+t.refused > 0 && t.stored > 0, "%s: %d stored, %d failed; both were to be seen", f.title, t.stored, t.faults+t.refused)
		// The full disk is seen by its server alone, which is still up.
		p.inject(healthy, 0, nil)
		var counts bazel.Counts
		title := "what is there then, read"
		if f.size != "" {
			counts, _, err = c.build(title, base, p, reader)
		} else {
			server.kill()
			counts, err = c.read(title, base, server.dir)
		}
		if err != nil {
			return err
		}
		c.expect(counts.Executed()+counts.Hits() == whole.Hits(), "%s: %d run and %d hits (expected %d)", f.title, counts.Executed(), counts.Hits(), whole.Hits())
	}
	return nil
}

// read starts a server on the store in dir, builds with it, reading, and ends it.
func (c *check) read(title, base, dir string) (bazel.Counts, error) {
	server, err := startNginx(c.nginx, dir, "")
	if err != nil {
		return bazel.Counts{}, err
	}
	defer server.kill()
	p, err := startProxy(server.url)
	if err != nil {
		return bazel.Counts{}, err
	}
	defer p.Close()
	counts, _, err := c.build(title, base, p, reader)
	return counts, err
}

// How a build may use the cache: as .bazelrc's configuration has it, and as a trusted builder.
var (
	reader = []string{"--config=remote-cache"}
	writer = []string{"--config=remote-cache", "--remote_upload_local_results"}
)

// build builds the images with the cache at p; if output base base has built them before, they are made anew.
func (c *check) build(title, base string, p *proxy, access []string) (bazel.Counts, time.Duration, error) {
	output := filepath.Join(c.Dir, base)
	r := bazel.Run{
		Workspace: c.Workspace, OutputBase: output, Command: "build", Log: c.Log,
		Args: append([]string{"--disk_cache=", "--compilation_mode=" + mode, "--remote_cache=" + p.url}, append(access, target)...),
	}
	if bin, err := bazel.Bin(output, mode); err == nil {
		if err := bazel.Forget(bin); err != nil {
			return bazel.Counts{}, 0, err
		}
	} else {
		c.bases = append(c.bases, output)
		if err := bazel.Seed(output, c.Repositories); err != nil {
			return bazel.Counts{}, 0, err
		}
		p.inject(healthy, 0, nil)
	}
	line := c.Progress(title)
	counts, err := r.Do(c.ctx)
	line.Stop()
	if err != nil {
		return counts, 0, fmt.Errorf("%s: the build failed: %w", title, err)
	}
	bin, err := bazel.Bin(output, mode)
	if err != nil {
		return counts, 0, err
	}
	digest, err := bazel.Digest(bin)
	if err != nil {
		return counts, 0, fmt.Errorf("%s: %w", title, err)
	}
	if c.report.Digest == "" {
		c.report.Digest = digest
	}
	if digest != c.report.Digest {
		c.failures = append(c.failures, fmt.Sprintf("%s: digest %s, the first build's is %s", title, digest, c.report.Digest))
	}
	t := p.seen()
	b := report.Build{
		Title: title, Seconds: tenth(counts.Wall.Seconds()), Hits: counts.Hits(), Executed: counts.Executed(),
		MBDown: megabytes(t.down), MBUp: megabytes(t.up), Puts: t.puts, Faults: t.faults + t.refused, SameDigest: digest == c.report.Digest,
	}
	c.report.Builds = append(c.report.Builds, b)
	if err := b.Text(c.out); err != nil {
		return counts, 0, err
	}
	return counts, counts.Wall, nil
}

// tenth is v rounded to a tenth: more digits of a build's time mean nothing.
func tenth(v float64) float64 { return math.Round(v*10) / 10 }

// megabytes is n bytes in MB, rounded to a hundredth.
func megabytes(n int64) float64 { return math.Round(float64(n)/1e4) / 100 }

// expect notes a failure, in the words of format, unless ok.
func (c *check) expect(ok bool, format string, args ...any) {
	if !ok {
		failure := fmt.Sprintf(format, args...)
		fmt.Fprintln(c.out, "  FAILED:", failure)
		c.failures = append(c.failures, failure)
	}
}

// close ends the Bazel servers.
func (c *check) close() error {
	var errs []error
	sort.Strings(c.bases)
	for _, base := range c.bases {
		errs = append(errs, bazel.Run{Workspace: c.Workspace, OutputBase: base}.Shutdown())
	}
	return errors.Join(errs...)
}
