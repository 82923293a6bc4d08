package engines

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/pods"
	"example.com/pause/tests/lib/proc"
	"example.com/pause/tests/lib/targets"
)

// TestContainerd: containerd runs the image, started by ctr, and keeps every promise.
func TestContainerd(t *testing.T) {
	isolated(t)
	d := startContainerd(t, "")
	d.load(t, "default")
	promises(t, d)
	// The line of text is the image of this machine's architecture alone.
	paste(t, append([]string{d.ctr}, d.args("text", "images", "import", "-")...)...)
	if list := run(t, d.ctr, d.args("text", "images", "list")...); !strings.Contains(list, hostDigest(t)) {
		t.Errorf("containerd does not know the image by its digest %s:\n%s", hostDigest(t), list)
	}
}

// containerd is a daemon with state of its own.
type containerd struct {
	pods.Config
	major int // of its version
	ctr   string
}

// startContainerd starts containerd, with the Container Runtime Interface and a sandbox image of that name, or without if it
// is "".
func startContainerd(t *testing.T, sandbox string) *containerd {
	t.Helper()
	program := need.Program(t, "containerd", "containerd")
	ctr := need.Program(t, "ctr", "containerd")
	need.Program(t, "runc", "runc")
	_, major, err := pods.Version(program)
	need.NoError(t, err)
	d := &containerd{Config: pods.Config{Dir: temp(t)}, major: major, ctr: ctr}
	if sandbox != "" {
		d.Sandbox = sandboxConfig(t, major, sandbox)
		need.Program(t, "crun", "crun")
		d.Runtime, err = pods.WithoutCgroups(d.Dir)
		need.NoError(t, err)
	}
	path, err := d.Write(major)
	need.NoError(t, err)
	daemon(t, d.Socket(), program, "--config", path)
	return d
}

// daemon starts a daemon, waits until it listens on the Unix socket, and stops it when the test ends.
func daemon(t *testing.T, socket, name string, args ...string) {
	t.Helper()
	proc.Daemon(t, name, args...).Await(t, "it to listen on "+socket, func() bool {
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
	return append([]string{"--address", d.Socket(), "--namespace", namespace}, args...)
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

func (d *containerd) start(t *testing.T, profile string) container {
	t.Helper()
	dir := temp(t)
	id, pidFile := filepath.Base(dir), filepath.Join(dir, "pid")
	options := []string{"--null-io", "--pid-file", pidFile, "--seccomp"}
	if profile != "" {
		options = append(options, "--seccomp-profile", profile)
	}
	cmd := proc.Start(t, d.ctr, d.runArgs(id, options)...)
	t.Cleanup(func() {
		proc.Start(t, d.ctr, d.args("default", "tasks", "kill", "--signal", "KILL", id)...).Code(t)
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
	return run(t, d.ctr, d.runArgs(filepath.Base(temp(t)), nil, args...)...)
}
