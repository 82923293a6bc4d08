package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// suite is the Debian release that carries Bazel.
const suite = "forky"

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// aptHelper downloads as apt-get does, with the same settings and checks, but only what it is told to.
const aptHelper = "/usr/lib/apt/apt-helper"

// apt is a private copy of APT's state: nothing of the machine's own is read but its mirror, proxy and keys, and nothing
// of it is changed. It needs no privileges.
type apt struct {
	dir string
}

func (a apt) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), "APT_CONFIG="+filepath.Join(a.dir, "apt.conf"), "LC_ALL=C")
	return cmd
}

var mirrorLine = regexp.MustCompile(`(?m)^'([^']+?)/dists/[^/']+/`)

// mirrors returns the base addresses of the archives that the machine's APT is set up with, in its order.
func mirrors(ctx context.Context) ([]string, error) {
	cmd := exec.CommandContext(ctx, "apt-get", "--print-uris", "update")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("apt-get cannot tell which mirror this machine uses: %s", lastLine(err, nil))
	}
	var found []string
	for _, m := range mirrorLine.FindAllStringSubmatch(string(out), -1) {
		if !slices.Contains(found, m[1]) {
			found = append(found, m[1])
		}
	}
	return found, nil
}

// setUp writes the private configuration for one mirror. The packages to do without are entered as installed.
func (a apt) setUp(ctx context.Context, mirror string, without []string) error {
	for _, dir := range []string{"state/lists/partial", "cache/archives/partial", "none"} {
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
		// Of the indices only those of packages are wanted, and APT knows them without being told.
		if strings.HasPrefix(line, "Acquire::") && !strings.HasPrefix(line, "Acquire::IndexTargets") {
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
		{"Acquire::ForceHash", "SHA256"},
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
	return nil
}

// checkTools refuses a machine that cannot make a root out of Debian packages.
func checkTools() error {
	for _, tool := range []string{"apt-get", "apt-config", aptHelper, "dpkg-deb", "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is not here, so this is no Debian-like system; install Bazelisk instead "+
				"(https://bazel.build/install) and run bazelw again", tool)
		}
	}
	if _, err := os.Stat(keyring); err != nil {
		return fmt.Errorf("%s is missing; install the package debian-archive-keyring, or Bazelisk (https://bazel.build/install)", keyring)
	}
	return nil
}

// packages is what packages.txt says: the packages of the root, those that it does without, and the files.
type packages struct {
	wanted, without, withoutFiles []string
}

func readPackages(file string) (packages, error) {
	all, err := lines(file)
	var p packages
	into := &p.wanted
	for _, line := range all {
		switch {
		case line == "without":
			into = &p.without
		case line == "without files":
			into = &p.withoutFiles
		case strings.ContainsAny(line, " \t"):
			return p, fmt.Errorf("%s: %q is not one name", file, line)
		default:
			*into = append(*into, line)
		}
	}
	return p, err
}

// makeRoot downloads the packages and unpacks them into dir/rootfs.
func (p *preparation) makeRoot(ctx context.Context, list packages, dir string) error {
	a := apt{filepath.Join(p.cache, "apt")}
	if err := p.findMirror(ctx, a, list); err != nil {
		return err
	}
	archives, err := p.resolve(ctx, a, list.wanted)
	if err != nil {
		return err
	}
	root := filepath.Join(dir, "rootfs")
	if err := p.unpackAll(ctx, a, archives, list.withoutFiles, root); err != nil {
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
		p.say("reading which packages %s has", mirror)
		out, err := a.command(ctx, "apt-get", "-q", "-o", "APT::Update::Error-Mode=any", "update").CombinedOutput()
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

// archive is a package that is to be downloaded and unpacked.
type archive struct {
	uri, file, hash string // file: what it becomes here; hash: as APT writes it
	size            int64  // in bytes
}

var (
	uriLine      = regexp.MustCompile(`(?m)^'(\S+)' (\S+) (\d+) (SHA256:\S+)$`)
	bazelPackage = regexp.MustCompile(`/bazel-bootstrap_([0-9.]+)`)
)

// What stands in MODULE.bazel: https://bazel.build/rules/lib/globals/module#module.bazel_compatibility
var compatibility = regexp.MustCompile(`bazel_compatibility = \[">=([0-9.]+)"\]`)

// allows says whether bazel_compatibility in a MODULE.bazel, which names the oldest version alone, allows a version of Bazel, such
// as 7.7.1. Bazel checks that itself, but Debian's does not know its own version.
func allows(moduleBazel, bazel string) bool {
	m := compatibility.FindStringSubmatch(moduleBazel)
	return m != nil && version.Compare("go"+bazel, "go"+m[1]) >= 0
}

// resolve returns the packages and all that they depend on: base-files first, then the largest first. It refuses a mirror whose
// Bazel this repository does not build with.
func (p *preparation) resolve(ctx context.Context, a apt, wanted []string) ([]archive, error) {
	out, err := a.command(ctx, "apt-get", append([]string{"-y", "--print-uris", "-o", "Dir::Cache::archives=" + a.dir + "/none/", "install"}, wanted...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("APT cannot resolve the packages of sealed/packages.txt: %s", lastLine(err, nil))
	}
	var all []archive
	bazel := ""
	for _, m := range uriLine.FindAllStringSubmatch(string(out), -1) {
		size, _ := strconv.ParseInt(m[3], 10, 64)
		all = append(all, archive{m[1], filepath.Join(a.dir, "cache/archives", m[2]), m[4], size})
		if b := bazelPackage.FindStringSubmatch(all[len(all)-1].file); b != nil {
			bazel = b[1]
		}
	}
	moduleBazel, err := os.ReadFile(filepath.Join(p.workspace, "MODULE.bazel"))
	if err != nil {
		return nil, err
	}
	if bazel == "" || !allows(string(moduleBazel), bazel) {
		return nil, fmt.Errorf("the Debian mirror has Bazel %q in %s, which bazel_compatibility in MODULE.bazel does not allow; "+
			"use a mirror of another date, or install Bazelisk (https://bazel.build/install)", bazel, suite)
	}
	// What takes long begins early, so that at the end no processor waits for another.
	slices.SortFunc(all, func(x, y archive) int { return cmp.Compare(y.size, x.size) })
	base := slices.IndexFunc(all, func(x archive) bool { return strings.HasPrefix(filepath.Base(x.file), "base-files_") })
	if base < 0 {
		return nil, errors.New("sealed/packages.txt does not bring base-files")
	}
	return slices.Concat(all[base:base+1], all[:base], all[base+1:]), nil
}

// A batch of packages is downloaded by one call of APT, which takes a moment to start.
const batchSize = 8 << 20

// unpackAll downloads and unpacks packages, several at a time: while one batch is on its way, another is unpacked. The first
// package is there before any other: base-files brings the links that merge /bin and /lib into /usr. No maintainer script runs.
// without are patterns of files that stay out.
func (p *preparation) unpackAll(ctx context.Context, a apt, archives []archive, without []string, root string) error {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	if err := a.unpack(ctx, archives[:1], without, root); err != nil {
		return err
	}
	var all, done int64
	batches := make(chan []archive, len(archives))
	rest := archives[1:]
	for len(rest) > 0 {
		n, size := 0, int64(0)
		for n < len(rest) && (n == 0 || size+rest[n].size <= batchSize) {
			size += rest[n].size
			n++
		}
		batches <- rest[:n]
		all, rest = all+size, rest[n:]
	}
	close(batches)
	last := time.Now()
	var counting sync.Mutex
	count := func(batch []archive) {
		counting.Lock()
		defer counting.Unlock()
		for _, x := range batch {
			done += x.size
		}
		if p.terminal || time.Since(last) > 5*time.Second {
			last = time.Now()
			p.say("downloaded and unpacked %d of %d MB of Debian packages", done>>20, all>>20)
		}
	}
	p.say("downloading and unpacking %d Debian packages, %d MB", len(archives), all>>20)
	worker := func(ctx context.Context) error {
		for batch := range batches {
			if err := a.unpack(ctx, batch, without, root); err != nil {
				return err
			}
			count(batch)
		}
		return nil
	}
	// One more than there are processors, so that these have work while another waits for the network.
	return together(ctx, slices.Repeat([]func(context.Context) error{worker}, runtime.NumCPU()+1)...)
}

// unpack downloads packages, unless they are there already, and unpacks them into root.
func (a apt) unpack(ctx context.Context, batch []archive, without []string, root string) error {
	download := []string{"download-file"}
	for _, x := range batch {
		if _, err := os.Stat(x.file); err != nil {
			download = append(download, x.uri, x.file+".new", x.hash)
		}
	}
	if len(download) > 1 {
		if out, err := a.command(ctx, aptHelper, download...).CombinedOutput(); err != nil {
			return fmt.Errorf("the Debian packages could not be downloaded (%s); run bazelw again, it goes on from here", lastLine(err, out))
		}
	}
	for _, x := range batch {
		// Verified by now.
		if err := os.Rename(x.file+".new", x.file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		args := []string{"-o", "pipefail", "-c", `dpkg-deb --fsys-tarfile "$0" | tar "$@"`, x.file, "--extract", "--directory=" + root, "--no-same-owner", "--keep-directory-symlink"}
		for _, pattern := range without {
			args = append(args, "--exclude=./"+pattern)
		}
		cmd := exec.CommandContext(ctx, "bash", args...)
		// All three processes, or one of them goes on.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		if out, err := cmd.CombinedOutput(); err != nil {
			if ctx.Err() == nil {
				_ = os.Remove(x.file) // it was whole once; the disk may have lost some of it
			}
			return fmt.Errorf("%s cannot be unpacked (%s); run bazelw again, it downloads it again", filepath.Base(x.file), lastLine(err, out))
		}
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
		if err := touch(filepath.Join(root, "etc", name)); err != nil {
			return err
		}
	}
	for _, dir := range []string{"etc/ssl", "mnt"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	// A file of a locale may be a link to another's.
	if _, err := os.Stat(filepath.Join(root, "usr/lib/locale/en_US/LC_CTYPE")); err != nil {
		return fmt.Errorf("the locale of Bazel's server is not whole (%w); let it in, below \"without files\" in sealed/packages.txt", err)
	}
	return nil
}

// touch makes a file, if there is none.
func touch(file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
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
