package engines

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"example.com/pause/tests/lib/background"
	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/targets"
)

// TestContainerd: containerd runs the image, started by ctr, and keeps every promise.
func TestContainerd(t *testing.T) {
	isolated(t)
	d := startContainerd(t, nil)
	d.load(t, "default")
	promises(t, d)
}

// containerd is a daemon with state of its own.
type containerd struct {
	ctr     string
	address string // of its socket
	runs    *int
}

// startContainerd starts containerd. config may change its configuration: it gets the daemon's major version, and returns
// a document in TOML.
func startContainerd(t *testing.T, config func(major int) string) *containerd {
	t.Helper()
	program := need.Program(t, "containerd", "containerd")
	ctr := need.Program(t, "ctr", "containerd")
	need.Program(t, "runc", "runc")
	dir := temp(t)
	d := &containerd{ctr: ctr, address: filepath.Join(dir, "sock"), runs: new(int)}
	// Keys of the root table, before config brings tables.
	text := fmt.Sprintf("root = %q\nstate = %q\n", filepath.Join(dir, "root"), filepath.Join(dir, "state"))
	// opt makes a folder in /opt.
	text += `disabled_plugins = ["io.containerd.internal.v1.opt"`
	if config == nil {
		text += `, "io.containerd.grpc.v1.cri"]` + "\nversion = 2\n"
	} else {
		text += "]\n" + config(major(t, program))
	}
	text += fmt.Sprintf("\n[grpc]\n  address = %q\n", d.address)
	path := filepath.Join(dir, "config.toml")
	check(t, os.WriteFile(path, []byte(text), 0o644))
	daemon(t, d.address, program, "--config", path)
	return d
}

// major returns the major version of containerd.
func major(t *testing.T, program string) int {
	t.Helper()
	// containerd github.com/containerd/containerd/v2 2.1.9 ...
	words := strings.Fields(run(t, program, "--version"))
	if len(words) > 2 {
		first, _, _ := strings.Cut(strings.TrimPrefix(words[2], "v"), ".")
		if n, err := strconv.Atoi(first); err == nil {
			return n
		}
	}
	t.Fatalf("%s --version prints no version that is understood: %q", program, words)
	return 0
}

// daemon starts a daemon, waits until it listens on the Unix socket, and stops it when the test ends.
func daemon(t *testing.T, socket, name string, args ...string) {
	t.Helper()
	background.Daemon(t, name, args...).Await(t, "it to listen on "+socket, func() bool {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// load imports the image's archive of all architectures into a namespace of containerd, checks that it is known by the digest
// that it was built with, and calls it reference.
func (d *containerd) load(t *testing.T, namespace string) {
	t.Helper()
	run(t, d.ctr, d.args(namespace, "images", "import", targets.File(t, "PAUSE_ARCHIVE"))...)
	// With the CRI it also has a name that is a digest; names come sorted.
	names := strings.Fields(run(t, d.ctr, d.args(namespace, "images", "list", "--quiet")...))
	run(t, d.ctr, d.args(namespace, "images", "tag", names[0], reference)...)
	digest := digest(t)
	if list := run(t, d.ctr, d.args(namespace, "images", "list", "name=="+reference)...); !strings.Contains(list, digest) {
		t.Errorf("containerd does not know the image by its digest %s:\n%s", digest, list)
	}
}

func (d *containerd) args(namespace string, args ...string) []string {
	return append([]string{"--address", d.address, "--namespace", namespace}, args...)
}

// runArgs are the arguments of ctr that run a container of the image, as id.
func (d *containerd) runArgs(id string, options []string, args ...string) []string {
	// ctr asks for CPU shares, which not every machine has a controller for.
	all := d.args("default", "run", "--rm", "--read-only", "--cpu-shares", "0")
	// ctr has no word for all of them.
	for _, capability := range []string{
		"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "NET_RAW",
		"SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
	} {
		all = append(all, "--cap-drop", "CAP_"+capability)
	}
	all = append(all, options...)
	all = append(all, reference, id)
	if len(args) > 0 {
		all = append(append(all, "/pause"), args...)
	}
	return all
}

func (*containerd) filters() bool { return true }

// id returns a name for the next container.
func (d *containerd) id() string {
	*d.runs++
	return "x" + strconv.Itoa(*d.runs)
}

func (d *containerd) start(t *testing.T, profile string) container {
	t.Helper()
	id := d.id()
	pidFile := filepath.Join(temp(t), "pid")
	options := []string{"--null-io", "--pid-file", pidFile, "--seccomp"}
	if profile != "" {
		options = append(options, "--seccomp-profile", profile)
	}
	cmd := background.Start(t, d.ctr, d.runArgs(id, options)...)
	t.Cleanup(func() {
		background.Start(t, d.ctr, d.args("default", "tasks", "kill", "--signal", "KILL", id)...).Code(t)
		cmd.Code(t)
	})
	return container{pid: awaitPID(t, cmd, pidFile), stop: func(t *testing.T) int {
		t.Helper()
		run(t, d.ctr, d.args("default", "tasks", "kill", "--signal", "TERM", id)...)
		return cmd.Code(t)
	}}
}

func (d *containerd) print(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, d.ctr, d.runArgs(d.id(), nil, args...)...)
}
