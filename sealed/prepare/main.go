// Command prepare makes the sealed root: a folder with Bazel, the Go SDK and the rule sets, for a machine that can reach
// nothing but a Debian mirror and a Go module proxy. bazelw runs it, once; docs/sealed.md describes the result.
//
// Everything is built aside and renamed at the end, so a folder that has its final name is whole. What has been
// downloaded is kept until then, so an interrupted run goes on where it was.
//
// It exits with 0 when the root is there, with 8 when it was interrupted, and with 36 after one line that says what is
// missing and what to do.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Bazel's exit codes for an interruption and for a problem of the local environment
// (https://bazel.build/run/scripts#exit-codes).
const (
	exitInterrupted = 8
	exitEnvironment = 36
)

// Free space, in bytes, that a preparation needs: the packages, the root made of them, the Go SDK and its module copy.
const neededSpace = 4 << 30

func main() {
	var p preparation
	flag.StringVar(&p.workspace, "workspace", "", "the folder of the checkout")
	flag.StringVar(&p.cache, "cache", "", "the folder that holds sealed roots")
	flag.StringVar(&p.key, "key", "", "the name of the root, a digest of what defines it")
	flag.Parse()
	p.started = time.Now()
	if info, err := os.Stderr.Stat(); err == nil {
		p.terminal = info.Mode()&os.ModeCharDevice != 0
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process itself
	// bazelw has built this program for one run. It may be killed while this runs, and then nobody else would remove the
	// file, or end this.
	if self, err := os.Executable(); err == nil && strings.HasPrefix(filepath.Base(self), "prepare.") {
		_ = os.Remove(self)
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0); errno != 0 {
		fmt.Fprintln(os.Stderr, "bazelw: cannot ask to be told of the end of bazelw:", errno)
	}
	err := p.run(ctx)
	if p.terminal && p.said {
		fmt.Fprintln(os.Stderr)
	}
	if err != nil {
		if ctx.Err() != nil {
			fmt.Fprintln(os.Stderr, "bazelw: cannot prepare the sealed root: interrupted; the next call goes on from here")
			os.Exit(exitInterrupted)
		}
		fmt.Fprintln(os.Stderr, "bazelw: cannot prepare the sealed root:", err)
		os.Exit(exitEnvironment)
	}
}

// preparation is one run of this program.
type preparation struct {
	workspace, cache, key string
	started               time.Time
	terminal              bool // standard error is one
	saying                sync.Mutex
	said                  bool // whether there is a line of progress to end
}

func (p *preparation) run(ctx context.Context) error {
	if p.workspace == "" || p.cache == "" || p.key == "" {
		return errors.New("-workspace, -cache or -key is missing; run this program through bazelw")
	}
	if err := os.MkdirAll(p.cache, 0o755); err != nil {
		return fmt.Errorf("the cache folder cannot be made (%w); set BAZELW_CACHE to a folder that can be written", err)
	}
	unlock, err := p.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()

	final := filepath.Join(p.cache, p.key)
	if manifest, err := os.Stat(filepath.Join(final, "manifest")); err == nil && manifest.ModTime().After(p.started) {
		return nil // another caller made it while this one waited
	}
	list, err := readPackages(filepath.Join(p.workspace, "sealed/packages.txt"))
	if err != nil {
		return err
	}
	modules, err := readModules(filepath.Join(p.workspace, "sealed/go_modules.txt"))
	if err != nil {
		return err
	}
	if err := checkTools(); err != nil {
		return err
	}
	if err := p.checkSpace(); err != nil {
		return err
	}

	partial := final + ".partial"
	for _, stale := range []string{partial, final} {
		if err := removeAll(stale); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(partial, 0o755); err != nil {
		return err
	}

	// What was downloaded stays for the next call; what was made of it does not.
	defer func() { _ = removeAll(partial) }()

	fmt.Fprintf(os.Stderr, "bazelw: preparing the sealed root (once; less than a minute and 2 GB) in %s\n", final)
	if err := together(ctx,
		func(ctx context.Context) error { return p.makeRoot(ctx, list, partial) },
		func(ctx context.Context) error { return p.fetchModules(ctx, modules, partial) },
	); err != nil {
		return err
	}
	if err := p.writeBazelrc(partial, final); err != nil {
		return err
	}
	if err := writeManifest(partial); err != nil {
		return err
	}
	if err := os.Rename(partial, final); err != nil {
		return err
	}
	p.removeOthers()
	p.say("the sealed root is ready")
	return nil
}

// lines returns the lines of a list without comments and blank lines.
func lines(file string) (out []string, err error) {
	content, err := os.ReadFile(file)
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	return out, err
}

// together does several things at once. The first error ends the others, and is returned.
func together(ctx context.Context, all ...func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	for _, do := range all {
		running.Go(func() {
			if err := do(ctx); err != nil {
				cancel(err)
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}

// writeManifest lists every file below dir: kind, size and path. bazelw holds the root against it.
func writeManifest(dir string) error {
	cmd := exec.Command("bash", "-o", "pipefail", "-c", `find . ! -type d ! -path ./manifest -printf '%y %s %P\n' | LC_ALL=C sort >manifest`)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the root cannot be listed: %s", lastLine(err, out))
	}
	return nil
}

// say prints progress with the seconds since the start: a line, which on a terminal takes the place of the one before.
func (p *preparation) say(format string, args ...any) {
	p.saying.Lock()
	defer p.saying.Unlock()
	p.said = true
	before, after := "", "\n"
	if p.terminal {
		before, after = "\r\x1b[K", ""
	}
	fmt.Fprintf(os.Stderr, "%sbazelw: [%3.0fs] %s%s", before, time.Since(p.started).Seconds(), fmt.Sprintf(format, args...), after)
}

// lock makes this the only preparation in the cache folder, and waits for another one to end.
func (p *preparation) lock(ctx context.Context) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(p.cache, "lock"), os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("the cache folder cannot be written (%w); set BAZELW_CACHE to a folder that can be", err)
	}
	fd := int(f.Fd())
	if syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		return func() { _ = f.Close() }, nil
	}
	p.say("another bazelw is preparing the sealed root; waiting for it")
	got := make(chan error, 1)
	go func() { got <- syscall.Flock(fd, syscall.LOCK_EX) }()
	select {
	case err := <-got:
		return func() { _ = f.Close() }, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// checkSpace refuses to begin what would fill the disk.
func (p *preparation) checkSpace() error {
	var s syscall.Statfs_t
	if err := syscall.Statfs(p.cache, &s); err != nil {
		return err
	}
	free := s.Bavail * uint64(s.Bsize)
	if free < neededSpace {
		return fmt.Errorf("%.1f GB are free below %s and %.1f GB are needed; free some, or set BAZELW_CACHE to a folder on another disk",
			float64(free)/1e9, p.cache, float64(neededSpace)/1e9)
	}
	return nil
}

// unwanted is how long a root of another definition stays after its last use, which is the time of its manifest: another
// branch or checkout may come back to it.
const unwanted = 7 * 24 * time.Hour

// removeOthers drops what this cache folder holds of other definitions and nobody wants any more, and what preparations of
// them left half-made.
func (p *preparation) removeOthers() {
	entries, err := os.ReadDir(p.cache)
	if err != nil {
		return
	}
	for _, e := range entries {
		name, root := strings.TrimSuffix(e.Name(), ".partial"), filepath.Join(p.cache, e.Name())
		if len(name) != len(p.key) || !isHex(name) || e.Name() == p.key || !e.IsDir() || inUse(root) {
			continue
		}
		if manifest, err := os.Stat(filepath.Join(root, "manifest")); err != nil || time.Since(manifest.ModTime()) > unwanted {
			_ = removeAll(root)
			_ = removeAll(root + outputSuffix)
		}
	}
}

// outputSuffix is what the name of the folder with Bazel's output has after the name of the root.
const outputSuffix = ".output"

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

// inUse reports whether a process runs out of the root: a Bazel server of another checkout may still be up.
func inUse(root string) bool {
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, p := range processes {
		if line, err := os.ReadFile(p); err == nil && strings.Contains(string(line), root+"/") {
			return true
		}
	}
	return false
}

// removeAll is os.RemoveAll for trees that hold folders without write permission, as module caches do.
func removeAll(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o755)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
