// Command cache shows what a remote cache does to the build of the images: it fills one (nginx with WebDAV, on loopback),
// builds again on a new output base from it, then breaks it in the ways that users meet.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"example.com/pause/bench/lib"
	"example.com/pause/bench/lib/bazel"
	"example.com/pause/tools/command"
)

const (
	target = "//images:pause"
	mode   = "fastbuild"
)

func main() {
	c := &command.Command{
		Name: "cache",
		Call: "./bazelw run //bench/cache --",
		Summary: "Builds the images with a remote cache (nginx, on loopback) that is filled, used and broken in the ways that users meet.\n" +
			"It prints a row for each build, and fails if one gave another digest, or ran other actions than it should.\n" +
			"docs/remote-cache.md says more.",
		Examples: []string{"./bazelw run //bench/cache", "./bazelw run //bench/cache -- --scratch=$HOME/scratch"},
	}
	scratch := bazel.Declare(&c.Flags)
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) (err error) {
		program, err := exec.LookPath("nginx")
		if err != nil {
			program = "/usr/sbin/nginx" // where Debian has it
		}
		if _, err := os.Stat(program); err != nil {
			return fmt.Errorf("%w; install it (Debian: apt-get install nginx-light)", err)
		}
		site, err := bazel.Open(ctx, *scratch, "pause-cache")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, bazel.RemoveAll(site.Dir)) }()
		c := &check{Site: site, ctx: ctx, out: stdout}
		defer func() { err = errors.Join(err, c.close()) }()
		return c.all(program)
	}
	c.Main()
}

// A check is one run of this command.
type check struct {
	bazel.Site
	ctx      context.Context
	out      io.Writer
	bases    []string // output bases that were built in
	digest   string   // of the first build; every other must have the same
	failures []string
}

// all does the builds in turn.
func (c *check) all(program string) error {
	machine, err := lib.Machine()
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s\n\n%-44s%9s%6s%6s%8s\n", machine, "build", "seconds", "hits", "run", "faults")
	server, err := startNginx(program, filepath.Join(c.Dir, "nginx"))
	if err != nil {
		return err
	}
	defer server.kill()
	p, err := startProxy(server.url)
	if err != nil {
		return err
	}
	defer p.Close()

	// main writes; the cache is empty.
	first, err := c.build("first, fills the cache", "first", p, "--remote_upload_local_results")
	if err != nil {
		return err
	}
	c.expect(first.Executed() > 0 && first.Hits() == 0, "the first build ran %d actions, and had %d hits in an empty cache", first.Executed(), first.Hits())
	// A pull request reads, on a machine that has never built this.
	p.inject(nil, 0)
	second, err := c.build("new output base, everything in the cache", "second", p)
	if err != nil {
		return err
	}
	c.expect(second.Executed() == 0, "with everything in the cache %d actions ran: %v", second.Executed(), second.Runners)
	c.expect(p.puts == 0, "a reader sent %d PUTs", p.puts)

	// From here on the tools stay, and the program and the images are made again.
	whole, err := c.build("the images again, everything in the cache", "second", p)
	if err != nil {
		return err
	}
	c.expect(whole.Executed() == 0 && whole.Hits() > 0, "from the whole cache: %d hits, %d run", whole.Hits(), whole.Executed())
	for _, f := range []struct {
		title string
		begin func() error // nil: nothing to do
		fault http.HandlerFunc
		after int // requests that pass before the fault begins
		flags []string
	}{
		{title: "every answer is 500", fault: answer500},
		{title: "answers cut in the middle, from the tenth on", fault: cutAnswer, after: 10},
		// As .bazelrc has it, but not waiting for 15 seconds each time.
		{title: "no answer, given up after 1 s", fault: noAnswer, flags: []string{"--remote_timeout=1"}},
		{title: "one byte changed in every blob", begin: server.damage},
		{title: "killed after ten requests", fault: func(w http.ResponseWriter, r *http.Request) { server.kill(); p.forward.ServeHTTP(w, r) }, after: 10},
		{title: "not there", begin: p.Close},
	} {
		if f.begin != nil {
			if err := f.begin(); err != nil {
				return err
			}
		}
		p.inject(f.fault, f.after)
		counts, err := c.build(f.title, "second", p, f.flags...)
		if err != nil {
			return err
		}
		c.expect(f.fault == nil || p.faults > 0, "%s: no fault was met", f.title)
		if f.after == 0 {
			c.expect(counts.Executed() == whole.Hits(), "%s: %d actions ran, and it takes %d to make the images", f.title, counts.Executed(), whole.Hits())
		}
	}
	if len(c.failures) > 0 {
		return fmt.Errorf("%d failed:\n  %s", len(c.failures), strings.Join(c.failures, "\n  "))
	}
	_, err = fmt.Fprintf(c.out, "\nevery build gave %s\n%s, on a new output base, with everything in the remote cache: %.1f s\n", c.digest, target, second.Wall.Seconds())
	return err
}

// build builds the images with the cache behind p; if the output base of that name has built them before, they are made anew.
func (c *check) build(title, base string, p *proxy, flags ...string) (bazel.Counts, error) {
	output := filepath.Join(c.Dir, base)
	if bin, err := bazel.Bin(output, mode); err == nil {
		if err := bazel.Forget(bin); err != nil {
			return bazel.Counts{}, err
		}
	} else {
		c.bases = append(c.bases, output)
		if err := c.Seed(output); err != nil {
			return bazel.Counts{}, err
		}
	}
	counts, err := c.Do(c.ctx, title, bazel.Run{
		Workspace: c.Workspace, OutputBase: output, Command: "build",
		Args: append([]string{"--config=remote-cache", "--disk_cache=", "--compilation_mode=" + mode, "--remote_cache=" + p.url, target}, flags...),
	})
	if err != nil {
		return counts, fmt.Errorf("%s: the build failed: %w", title, err)
	}
	bin, err := bazel.Bin(output, mode)
	if err != nil {
		return counts, err
	}
	digest, err := bazel.Digest(bin)
	if err != nil {
		return counts, fmt.Errorf("%s: %w", title, err)
	}
	if c.digest == "" {
		c.digest = digest
	}
	fmt.Fprintf(c.out, "%-44s%9.1f%6d%6d%8d\n", title, counts.Wall.Seconds(), counts.Hits(), counts.Executed(), p.faults)
	c.expect(digest == c.digest, "%s: digest %s, the first build's is %s", title, digest, c.digest)
	return counts, nil
}

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
	for _, base := range c.bases {
		errs = append(errs, bazel.Run{Workspace: c.Workspace, OutputBase: base}.Shutdown())
	}
	return errors.Join(errs...)
}
