package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// suite is the Debian release that carries Bazel.
const suite = "forky"

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// apt is a private copy of APT's state: nothing of the machine's own is read but its mirror, proxy and keys, and nothing
// of it is changed. It needs no privileges.
type apt struct {
	dir string
}

func (a apt) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), "APT_CONFIG="+filepath.Join(a.dir, "apt.conf"), "LC_ALL=C")
	return cmd
}

var mirrorLine = regexp.MustCompile(`^'([^']+?)/dists/[^/']+/`)

// mirrors returns the base addresses of the archives that the machine's APT is set up with, in its order.
func mirrors(ctx context.Context) ([]string, error) {
	cmd := exec.CommandContext(ctx, "apt-get", "--print-uris", "update")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("apt-get cannot tell which mirror this machine uses: %s", lastLine(err, nil))
	}
	var found []string
	seen := map[string]bool{}
	for _, line := range strings.Split(string(out), "\n") {
		if m := mirrorLine.FindStringSubmatch(line); m != nil && !seen[m[1]] {
			seen[m[1]] = true
			found = append(found, m[1])
		}
	}
	return found, nil
}

// setUp writes the private configuration for one mirror. The packages to do without are entered as installed.
func (a apt) setUp(ctx context.Context, mirror string, without []string) error {
	for _, dir := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(a.dir, dir), 0o755); err != nil {
			return err
		}
	}
	var status strings.Builder
	for _, name := range without {
		fmt.Fprintf(&status, "Package: %s\nStatus: install ok installed\nVersion: 99999:0\nArchitecture: amd64\nMulti-Arch: foreign\n"+
			"Maintainer: none\nDescription: left out of the sealed root\n\n", name)
	}
	machine, err := exec.CommandContext(ctx, "apt-config", "dump").Output()
	if err != nil {
		return fmt.Errorf("apt-config: %w", err)
	}
	var conf strings.Builder
	for _, line := range strings.SplitAfter(string(machine), "\n") {
		if strings.HasPrefix(line, "Acquire::") {
			conf.WriteString(line)
		}
	}
	for _, option := range [][2]string{
		{"Dir::State", a.dir + "/state"},
		{"Dir::State::status", a.dir + "/status"},
		{"Dir::Cache", a.dir + "/cache"},
		{"Dir::Etc::sourcelist", a.dir + "/sources.list"},
		{"Dir::Etc::sourceparts", a.dir + "/none"},
		{"Dir::Etc::main", a.dir + "/none"},
		{"Dir::Etc::parts", a.dir + "/none"},
		{"Dir::Etc::preferences", a.dir + "/none"},
		{"Dir::Etc::preferencesparts", a.dir + "/none"},
		{"APT::Architecture", "amd64"},
		{"APT::Install-Recommends", "false"},
		{"APT::Sandbox::User", ""},
		// A mirror may be a frozen copy, whose Release file has expired; its signature is checked all the same.
		{"Acquire::Check-Valid-Until", "false"},
		{"Acquire::Languages", "none"},
		{"Acquire::Retries", "3"},
		{"Acquire::http::Timeout", "30"},
	} {
		fmt.Fprintf(&conf, "%s %q;\n", option[0], option[1])
	}
	source := fmt.Sprintf("deb [signed-by=%s] %s %s main\n", keyring, mirror, suite)
	for name, content := range map[string]string{"status": status.String(), "apt.conf": conf.String(), "sources.list": source} {
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(a.dir, "none"), 0o755)
}

// checkTools refuses a machine that cannot make a root out of Debian packages.
func (p *preparation) checkTools() error {
	for _, tool := range []string{"apt-get", "apt-config", "dpkg-deb", "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is not here, so this is no Debian-like system; install Bazelisk or Bazel %s instead "+
				"(https://bazel.build/install) and run bazelw again", tool, p.bazelVersion)
		}
	}
	if _, err := os.Stat(keyring); err != nil {
		return fmt.Errorf("%s is missing; install the package debian-archive-keyring, or Bazelisk (https://bazel.build/install)", keyring)
	}
	return nil
}

// makeRoot downloads the packages and unpacks them into dir/rootfs.
func (p *preparation) makeRoot(ctx context.Context, list packages, dir string) error {
	a := apt{filepath.Join(p.cache, "apt")}
	if err := p.findMirror(ctx, a, list); err != nil {
		return err
	}
	if err := p.checkBazel(ctx, a); err != nil {
		return err
	}
	files, err := p.download(ctx, a, list.wanted)
	if err != nil {
		return err
	}
	root := filepath.Join(dir, "rootfs")
	if err := p.unpack(ctx, files, list.withoutFiles, root); err != nil {
		return err
	}
	if err := finishRoot(root); err != nil {
		return err
	}
	return os.RemoveAll(a.dir)
}

// findMirror settles on the first of the machine's mirrors that carries the suite.
func (p *preparation) findMirror(ctx context.Context, a apt, list packages) error {
	found, err := mirrors(ctx)
	if err != nil {
		return err
	}
	var why string
	for _, mirror := range found {
		if err := a.setUp(ctx, mirror, list.without); err != nil {
			return err
		}
		out, err := a.command(ctx, "-q", "-o", "APT::Update::Error-Mode=any", "update").CombinedOutput()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// The first mirror is the main one; what comes after it are mostly its security updates.
		if why == "" {
			why = lastLine(err, out)
		}
	}
	if len(found) == 0 {
		why = "APT has no sources"
	}
	return fmt.Errorf("none of the Debian mirrors that APT is set up with answers with the suite %s (%s); "+
		"check the network and /etc/apt, or install Bazelisk (https://bazel.build/install)", suite, why)
}

var candidateLine = regexp.MustCompile(`(?m)^Version: (\S+)`)

// checkBazel refuses a mirror that has moved on to another version of Bazel.
func (p *preparation) checkBazel(ctx context.Context, a apt) error {
	cmd := a.command(ctx)
	cmd.Path, _ = exec.LookPath("apt-cache")
	cmd.Args = []string{"apt-cache", "show", "--no-all-versions", "bazel-bootstrap"}
	out, err := cmd.Output()
	m := candidateLine.FindSubmatch(out)
	if err != nil || m == nil {
		return fmt.Errorf("the Debian mirror has no package bazel-bootstrap in %s; install Bazelisk (https://bazel.build/install)", suite)
	}
	if version := string(m[1]); version != p.bazelVersion && !strings.HasPrefix(version, p.bazelVersion+"+") && !strings.HasPrefix(version, p.bazelVersion+"-") {
		return fmt.Errorf("the Debian mirror has Bazel %s and .bazelversion wants %s; use a mirror of another date, or install Bazelisk (https://bazel.build/install)",
			version, p.bazelVersion)
	}
	return nil
}

// download fetches the packages and all that they depend on, and returns the archives.
func (p *preparation) download(ctx context.Context, a apt, wanted []string) ([]string, error) {
	uris, err := a.command(ctx, append([]string{"-y", "--print-uris", "-o", "Dir::Cache::archives=" + a.dir + "/none/", "install"}, wanted...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("APT cannot resolve the packages of sealed/packages.txt: %s", lastLine(err, nil))
	}
	var files []string
	var size int64
	for _, line := range strings.Split(string(uris), "\n") {
		if f := strings.Fields(line); len(f) >= 3 && strings.HasPrefix(f[0], "'") {
			n, _ := strconv.ParseInt(f[2], 10, 64)
			size += n
			files = append(files, filepath.Join(a.dir, "cache/archives", f[1]))
		}
	}
	p.say("downloading %d Debian packages, %d MB", len(files), size>>20)

	cmd := a.command(ctx, append([]string{"-y", "-q", "-d", "-o", "APT::Status-Fd=1", "install"}, wanted...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p.followDownload(out)
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("the Debian packages could not be downloaded (%s); run bazelw again, it goes on from here", lastLine(err, stderr.Bytes()))
	}
	return files, nil
}

// followDownload says every few seconds how far the download is, from APT's status lines.
func (p *preparation) followDownload(r io.Reader) {
	last := time.Now()
	s := bufio.NewScanner(r)
	for s.Scan() {
		f := strings.SplitN(s.Text(), ":", 4)
		if len(f) == 4 && f[0] == "dlstatus" && time.Since(last) > 3*time.Second {
			last = time.Now()
			percent, _ := strconv.ParseFloat(f[2], 64)
			p.say("downloaded %.0f %%", percent)
		}
	}
	_, _ = io.Copy(io.Discard, r)
}

// unpack extracts the archives: base-files first, since it brings the links that merge /bin and /lib into /usr.
// No maintainer script runs. without are patterns of files that stay out.
func (p *preparation) unpack(ctx context.Context, files, without []string, root string) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	base := -1
	for i, f := range files {
		if strings.HasPrefix(filepath.Base(f), "base-files_") {
			base = i
		}
	}
	if base < 0 {
		return errors.New("sealed/packages.txt does not bring base-files")
	}
	p.say("unpacking %d packages", len(files))
	if err := unpackOne(ctx, files[base], without, root); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	next := make(chan string)
	for range runtime.NumCPU() {
		workers.Go(func() {
			for f := range next {
				if err := unpackOne(ctx, f, without, root); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i, f := range files {
		if i != base && ctx.Err() == nil {
			next <- f
		}
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

func unpackOne(ctx context.Context, archive string, without []string, root string) error {
	dpkg := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", archive)
	dpkg.WaitDelay = 10 * time.Second
	tar := exec.CommandContext(ctx, "tar", "--extract", "--file=-", "--directory="+root, "--no-same-owner", "--keep-directory-symlink")
	for _, pattern := range without {
		tar.Args = append(tar.Args, "--exclude=./"+pattern)
	}
	pipe, err := dpkg.StdoutPipe()
	if err != nil {
		return err
	}
	var stderr, dpkgStderr bytes.Buffer
	tar.Stdin, tar.Stderr, dpkg.Stderr = pipe, &stderr, &dpkgStderr
	if err := dpkg.Start(); err != nil {
		return err
	}
	err = tar.Run()
	// dpkg-deb has forked, and only its first process is killed when this is interrupted. What still writes into the pipe ends
	// once nobody can read from it; otherwise Wait would wait for it for ever.
	_ = pipe.Close()
	if err = errors.Join(err, dpkg.Wait()); err != nil {
		return fmt.Errorf("%s cannot be unpacked: %s", filepath.Base(archive), lastLine(err, append(dpkgStderr.Bytes(), stderr.Bytes()...)))
	}
	return nil
}

// finishRoot adds what maintainer scripts would have: a few mount points for the machine's own files. It removes Debian's
// configuration of Bazel: --nosystem_rc has it ignored, but Bazel says so with every command.
func finishRoot(root string) error {
	if err := os.RemoveAll(filepath.Join(root, "etc/bazel")); err != nil {
		return err
	}
	for _, name := range []string{"resolv.conf", "hosts", "passwd", "group", "nsswitch.conf"} {
		f, err := os.OpenFile(filepath.Join(root, "etc", name), os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	for _, dir := range []string{"etc/ssl", "mnt"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	// Most files of a locale are links to another's, which sealed/packages.txt has to let in.
	links, err := filepath.Glob(filepath.Join(root, "usr/lib/locale/en_US/LC_*"))
	if err != nil {
		return err
	}
	for _, link := range links {
		if _, err := os.Stat(link); err != nil {
			return fmt.Errorf("the locale of Bazel's server is not whole (%w); let in what it links to, below \"without files\" in sealed/packages.txt", err)
		}
	}
	if len(links) == 0 {
		return errors.New("the root has no locale en_US; sealed/packages.txt must bring it, and keep it")
	}
	return nil
}

// lastLine is what to quote of a failed program: the last line that it printed.
func lastLine(err error, output []byte) string {
	if exit := (*exec.ExitError)(nil); len(output) == 0 && errors.As(err, &exit) {
		output = exit.Stderr
	}
	all := strings.Split(strings.TrimSpace(string(output)), "\n")
	for i := len(all) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(all[i]); strings.HasPrefix(line, "E: ") && !strings.HasPrefix(line, "E: Some index files") {
			return line
		}
	}
	if last := strings.TrimSpace(all[len(all)-1]); last != "" {
		return last
	}
	return err.Error()
}
