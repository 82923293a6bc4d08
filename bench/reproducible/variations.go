package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A variation is one row of the matrix: what a build does otherwise than the first.
type variation struct {
	name string
	// differs says for people what is other than in the first build.
	differs string
	// mode is the compilation mode; "" is fastbuild.
	mode string
	// args are added to Bazel's build command; HERE as below.
	args []string
	// env is added to the environment of Bazel and its server; HERE stands for a folder of the row's own.
	env []string
	// wrap is a command in front of Bazel's; it runs its last arguments. HERE as above.
	wrap []string
	// base asks for an output base that nothing was built in; otherwise the first one is used again, and what the
	// program's and the images' actions made is removed from it.
	base bool
	// folder, if set, is the path of a copy of the checkout, under the row's own folder, that is built instead.
	folder string
	// old gives the copied sources a date long gone.
	old bool
	// user, if set, builds as this user id, with everything that it writes its own.
	user int
	// cold lets nothing come from a cache, the tools neither; cached lets everything come from one. Otherwise a new
	// output base takes the tools from a cache, and the program and the images are made.
	cold, cached bool
	// root asks for a sealed root of its own.
	root bool
	// slow rows run with --slow only.
	slow bool
	// skip returns why the row cannot be done on this machine, in the given scratch folder, or "".
	skip func(dir string) string
}

// compilationMode is the mode of the row.
func (v variation) compilationMode() string { return cmp.Or(v.mode, "fastbuild") }

// variations is the matrix. The first row is what all others are compared with. The second tells how many actions make the images.
var variations = []variation{
	{name: "first", differs: "nothing: the one to compare with; compiles the tools", base: true},

	{name: "home", differs: "HOME and XDG_CACHE_HOME elsewhere", env: []string{"HOME=HERE/home", "XDG_CACHE_HOME=HERE/cache"}},
	{name: "umask", differs: "umask 077", wrap: []string{"sh", "-c", `umask 077 && exec "$@"`, "sh"}},
	{name: "locale", differs: "Turkish, where the small letter of I is another one", env: []string{"LANG=tr_TR.UTF-8", "LC_ALL=tr_TR.UTF-8"}},
	{name: "no locale", differs: "the POSIX locale, no language", env: []string{"LANG=", "LC_ALL=POSIX"}},
	{name: "time zone", differs: "14 hours ahead of UTC", env: []string{"TZ=Pacific/Kiritimati"}},
	{
		name: "host name", differs: "another one, in a UTS namespace",
		wrap: []string{"unshare", "--uts", "sh", "-c", `hostname elsewhere && exec "$@"`, "sh"}, skip: needsRoot,
	},
	{name: "user", differs: "an ordinary user, who has everything of their own", base: true, folder: "checkout", user: 54321, slow: true, skip: needsRootAndWay},

	{name: "output base", differs: "an output base of another name", base: true},
	{name: "folder", differs: "a copy of the checkout, its path longer, with spaces and beyond ASCII", base: true, folder: "a much longer path/mit Läufen/ünd 日本語/checkout"},
	{name: "dates of sources", differs: "a copy of the checkout, all files of 1999", base: true, folder: "checkout", old: true},

	{name: "one job", differs: "--jobs=1", args: []string{"--jobs=1"}},
	{name: "many jobs", differs: "--jobs=16", args: []string{"--jobs=16"}},
	{name: "linux-sandbox", differs: "namespaces", args: []string{"--spawn_strategy=linux-sandbox"}},
	{name: "processwrapper-sandbox", differs: "folders of symbolic links", args: []string{"--spawn_strategy=processwrapper-sandbox"}},
	{name: "no sandbox", differs: "--spawn_strategy=local", args: []string{"--spawn_strategy=local"}},

	{name: "opt", differs: "--compilation_mode=opt", mode: "opt"},
	{name: "stamped", differs: "--stamp, with a build label that nothing asks for", args: []string{"--stamp", "--embed_label=label"}},

	{name: "cached", differs: "all results from a cache, on a new output base", base: true, cached: true},
	{name: "cold", differs: "no result from a cache, the tools compiled again", base: true, cold: true, slow: true},
	{name: "sealed root", differs: "a sealed root made anew", base: true, root: true, slow: true, skip: needsDebian},

	{
		name: "bare PATH", differs: "a PATH with nothing on it but what bazelw calls",
		env: []string{"PATH=HERE/bare"},
	},
	{
		name: "decoys", differs: "compilers, linkers, Go and Python in front on PATH, the actions' as well, that are none, and record who calls them",
		env:  []string{"PATH=HERE/decoys:" + os.Getenv("PATH"), "GOROOT=HERE/decoys", "CC=HERE/decoys/cc"},
		args: []string{"--action_env=PATH=HERE/decoys:/usr/bin:/bin", "--action_env=CC=HERE/decoys/cc", "--sandbox_writable_path=HERE"}, // or they could not record
	},
}

// Another date has no row: the tools are Go programs without libc, which libfaketime does not reach, and a time namespace shifts
// the monotonic clock only. Rows run up to an hour apart, and "dates of sources" changes every date that a build reads.

func needsRoot(string) string {
	if os.Geteuid() == 0 {
		return ""
	}
	return "it needs root"
}

// needsRootAndWay: another user must get to the scratch folder.
func needsRootAndWay(dir string) string {
	if reason := needsRoot(dir); reason != "" {
		return reason
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err != nil || info.Mode()&0o001 == 0 {
			return "other users have no way through " + dir + "; give --scratch a folder that they can reach"
		}
	}
	return ""
}

func needsDebian(string) string {
	release, err := os.ReadFile("/etc/os-release")
	if err != nil || !slices.Contains(strings.Split(string(release), "\n"), "ID=debian") {
		return "it needs Debian: sealed/prepare takes packages from a suite of Debian's"
	}
	return ""
}

// callees are the programs that bazelw itself and sealed/enter.sh call, where they are; none of them compiles anything.
var callees = []string{
	"bash", "bazel", "bazelisk", "cat", "chroot", "cmp", "cut", "dirname", "env", "find", "grep", "id", "ln", "md5sum", "mkdir", "mktemp",
	"mount", "pivot_root", "readlink", "rm", "rmdir", "sed", "sh", "sha256sum", "sort", "touch", "true", "umount", "uname", "unshare",
}

// decoys are the names under which compilers and their like are found.
var decoys = []string{
	"ar", "as", "c++", "cc", "clang", "clang++", "cpp", "g++", "gcc", "go", "gofmt", "ld", "ld.gold", "ld.lld", "nm", "objcopy",
	"perl", "python", "python3", "ranlib", "strip", "jq", "tar", "gzip",
}

// plant makes the folders bare and decoys in folder here.
func plant(here string) error {
	bare, fake := filepath.Join(here, "bare"), filepath.Join(here, "decoys")
	for _, dir := range []string{bare, fake, filepath.Join(here, "home"), filepath.Join(here, "cache")} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
	}
	for _, name := range callees {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if err := os.Symlink(path, filepath.Join(bare, name)); err != nil {
			return err
		}
	}
	// bazelw asks the go command for its settings; the build has no business with it.
	script := "#!/bin/sh\n[ \"${0##*/} $1\" = 'go env' ] || echo \"${0##*/} $*\" >> %s\nexit 1\n"
	for _, name := range decoys {
		text := fmt.Sprintf(script, strconv.Quote(filepath.Join(here, "called")))
		if err := os.WriteFile(filepath.Join(fake, name), []byte(text), 0o755); err != nil {
			return err
		}
	}
	return nil
}
