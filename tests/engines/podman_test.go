package engines

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/proc"
	"example.com/pause/tests/lib/targets"
)

// TestPodman: podman runs the image and keeps every promise.
func TestPodman(t *testing.T) {
	isolated(t)
	e, policy := podman(t)
	e.load(t, policy...)
	promises(t, e)
}

// paste pipes the line of text into the command as the README does, and returns what the command prints.
func paste(t *testing.T, command ...string) string {
	t.Helper()
	pipe := `base64 --decode <"$0" | gunzip | "$@"`
	return run(t, "bash", slices.Concat([]string{"-o", "pipefail", "-c", pipe, targets.File(t, "PAUSE_TEXT")}, command)...)
}

// TestPodmanText: podman loads the line of text, keeps the digest, and runs the image.
func TestPodmanText(t *testing.T) {
	isolated(t)
	e, policy := podman(t)
	e.tag(t, paste(t, slices.Concat([]string{e.program}, e.args("load"), policy)...))
	if got, want := e.run(t, "image", "inspect", "--format", "{{.Digest}}", reference), hostDigest(t); got != want {
		t.Errorf("podman knows the image by the digest %s, want %s", got, want)
	}
	checkVersion(t, e)
}

// TestPodmanBuild: podman builds an image in two steps on top of one that rules_oci made on top of this one and that is in
// canonical form. buildah's code does it. As rules_oci leaves that image, with one history entry for two layers, podman fails.
func TestPodmanBuild(t *testing.T) {
	isolated(t)
	e, policy := podman(t)
	dir := temp(t)
	base, err := filepath.EvalSymlinks(targets.File(t, "PAUSE_DERIVED"))
	need.NoError(t, err)
	for name, content := range map[string]string{
		"Containerfile": "FROM oci:" + base + "\nCOPY one /one\nCOPY two /two\n", "one": "1", "two": "2",
	} {
		need.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	e.run(t, slices.Concat([]string{"build", "--layers", "--tag", reference}, policy, []string{dir})...)
	if layers := e.run(t, "image", "inspect", "--format", "{{len .RootFS.Layers}}", reference); layers != "4" {
		t.Errorf("the image that podman built has %s layers, want 4: pause, what is on top, and two steps", layers)
	}
	checkVersion(t, e)
}

// podman returns podman with storage of its own, and the flags that let it take any image.
func podman(t *testing.T) (e cli, policy []string) {
	t.Helper()
	program := need.Program(t, "podman", "podman")
	need.Program(t, "crun", "crun")
	need.Program(t, "conmon", "conmon")
	dir := temp(t)
	// Without a policy podman takes no image, and the machine's own may be missing or forbid this one.
	file := filepath.Join(dir, "policy.json")
	need.NoError(t, os.WriteFile(file, []byte(`{"default": [{"type": "insecureAcceptAnything"}]}`), 0o644))
	return cli{program: program, flags: []string{
		"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "runroot"), "--tmpdir", filepath.Join(dir, "tmp"),
		"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none", "--runtime", "crun",
	}, options: []string{
		"--cgroups", "disabled",
		// More than the limits of the machine would need the right to raise them.
		"--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024",
	}}, []string{"--signature-policy", file}
}

// TestDocker: Docker runs the image and keeps every promise.
func TestDocker(t *testing.T) {
	isolated(t)
	program := need.Program(t, "dockerd", "docker.io")
	client := need.Program(t, "docker", "docker-cli")
	need.Program(t, "containerd", "containerd")
	need.Program(t, "runc", "runc")
	dir := temp(t)
	socket := filepath.Join(dir, "sock")
	// The machine's own configuration must not have a say.
	config := filepath.Join(dir, "daemon.json")
	need.NoError(t, os.WriteFile(config, []byte("{}"), 0o644))
	daemon(t, socket, program, "--config-file", config, "--host", "unix://"+socket,
		"--data-root", filepath.Join(dir, "root"), "--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"),
		"--storage-driver", "vfs", "--bridge", "none", "--iptables=false", "--ip-forward=false")
	e := cli{program: client, flags: []string{"--host", "unix://" + socket}}
	e.load(t)
	promises(t, e)
	// Its classic store knows no OCI layouts, and has IDs in place of digests. Of an archive it takes all images.
	loaded := func(said string, want int) {
		t.Helper()
		id := e.run(t, "image", "inspect", "--format", "{{.Id}}", reference)
		names := regexp.MustCompile(`(?m)^Loaded image: (pause:.+)$`).FindAllStringSubmatch(said, -1)
		same := slices.ContainsFunc(names, func(name []string) bool {
			return e.run(t, "image", "inspect", "--format", "{{.Id}}", name[1]) == id
		})
		if len(names) != want || !same {
			t.Errorf("docker load prints %q, want %d names, one of them for the image %s", said, want, id)
		}
	}
	loaded(paste(t, slices.Concat([]string{e.program}, e.args("load"))...), 1)
	loaded(e.run(t, "load", "--input", targets.File(t, "PAUSE_ARCHIVE")), len(targets.All()))
}

// cli is an engine with the command line of Docker, which is Podman's too.
type cli struct {
	program string
	flags   []string // before the subcommand
	options []string // after "run"
}

func (cli) filters() bool { return true }

// run runs a subcommand and returns what it prints, without surrounding space.
func (e cli) run(t *testing.T, args ...string) string {
	t.Helper()
	return strings.TrimSpace(run(t, e.program, e.args(args...)...))
}

// load loads the image as its file for this machine has it, and calls it reference.
func (e cli) load(t *testing.T, options ...string) {
	t.Helper()
	e.tag(t, e.run(t, append([]string{"load", "--input", targets.File(t, "PAUSE_TARBALL")}, options...)...))
}

// tag gives the name reference to the image that the engine says it has loaded.
func (e cli) tag(t *testing.T, said string) {
	t.Helper()
	// Loaded image: pause:latest
	words := strings.Fields(said)
	e.run(t, "tag", words[len(words)-1], reference)
}

func (e cli) args(args ...string) []string { return slices.Concat(e.flags, args) }

// create creates a container of the image and returns its ID.
func (e cli) create(t *testing.T, profile string, args ...string) string {
	t.Helper()
	all := append([]string{"create", "--network", "none", "--read-only", "--cap-drop", "ALL"}, e.options...)
	all = append(all, "--security-opt", "no-new-privileges")
	if profile != "" {
		all = append(all, "--security-opt", "seccomp="+profile)
	}
	id := e.run(t, append(append(all, reference), args...)...)
	t.Cleanup(func() {
		if t.Failed() {
			proc.Start(t, e.program, e.args("inspect", "--format", "{{json .State}}", id)...).Code(t)
		}
		proc.Start(t, e.program, e.args("rm", "--force", id)...).Code(t)
	})
	return id
}

func (e cli) start(t *testing.T, profile string) container {
	t.Helper()
	id := e.create(t, profile)
	e.run(t, "start", id)
	pid, err := strconv.Atoi(e.run(t, "inspect", "--format", "{{.State.Pid}}", id))
	need.NoError(t, err)
	return container{pid: proc.PID(pid), stop: func(t *testing.T) int {
		t.Helper()
		e.run(t, "stop", id)
		code, err := strconv.Atoi(e.run(t, "wait", id))
		need.NoError(t, err)
		return code
	}}
}

func (e cli) print(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, e.program, e.args("start", "--attach", e.create(t, "", args...))...)
}
