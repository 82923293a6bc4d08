// Package runbook runs the steps of docs/sandbox.md as they stand there, on configurations that nodes have, and holds them to
// what the page promises: of all that containerd reads, only the sandbox image changes.
//
// No daemon runs. containerd says what it would read, at the time when the page restarts it.
package runbook

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/pods"
	"example.com/pause/tests/lib/targets"
)

// etc is where the page has containerd's configuration. The test puts a folder of its own in its place.
const etc = "/etc/containerd"

// version2 is what people make of the default of containerd 1.x for kubeadm, with their registries in a folder.
const version2 = `version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.k8s.io/pause:3.8"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
`

// version3 is the same, without a sandbox image, for containerd 2.x.
const version3 = `version = 3

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = 'io.containerd.runc.v2'
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
    SystemdCgroup = true
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = '/etc/containerd/certs.d'
`

// TestContainerd1: the steps for containerd 1.x set the image, wherever the key is, and the steps back take it away. containerd 2.x
// reads such a configuration, too, so any containerd can tell.
func TestContainerd1(t *testing.T) {
	header, key := `[plugins."io.containerd.grpc.v1.cri"]`+"\n", `  sandbox_image = "registry.k8s.io/pause:3.8"`+"\n"
	for name, configuration := range map[string]string{
		"Key":       version2,
		"NoKey":     strings.Replace(version2, key, "", 1),
		"NoSection": strings.Replace(version2, header+key, "", 1),
		"Quotes":    strings.ReplaceAll(version2, `"io.containerd.grpc.v1.cri"`, `'io.containerd.grpc.v1.cri'`),
	} {
		t.Run(name, func(t *testing.T) {
			newNode(t, 1, configuration).change(t, "containerd 1.x")
		})
	}
}

// TestContainerd2: the steps for containerd 2.x set the image and keep everything else, and the steps back take it away.
func TestContainerd2(t *testing.T) {
	for name, configuration := range map[string]string{
		"Version2": version2,
		"Version3": version3,
		// What an earlier edition of the page led to.
		"Version2Imports": `imports = ["/etc/containerd/conf.d/*.toml"]` + "\n" + version2,
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, 2, configuration)
			if name == "Version2Imports" {
				n.copy(t, "PAUSE_CONTAINERD_2", "containerd/conf.d/pause.toml")
			}
			n.change(t, "containerd 2.x")
		})
	}
}

// A node is a folder with a main configuration of containerd, and the programs that the steps call.
type node struct {
	dir    string
	before []string // the lines of the configuration that containerd reads without the file of this project
}

// newNode makes a node whose containerd is of that major version or newer.
func newNode(t *testing.T, least int, configuration string) *node {
	t.Helper()
	program := need.Program(t, "containerd", "containerd")
	version, major, err := pods.Version(program)
	need.NoError(t, err)
	need.That(t, major >= least, fmt.Sprintf("containerd %d or newer; %s is %s (Debian has 2 from forky on)", least, program, version))
	n := &node{dir: t.TempDir()}
	n.copy(t, "PAUSE_CONTAINERD_1", "containerd-1.toml")
	n.copy(t, "PAUSE_CONTAINERD_2", "containerd-2.toml")
	n.write(t, "containerd/config.toml", n.local(configuration))
	// containerd itself would read the configuration of the machine.
	n.write(t, "bin/containerd", "#!/bin/sh\n"+
		"[ \"$1\" = --config ] || set -- --config "+n.local(etc)+"/config.toml \"$@\"\nexec "+program+" \"$@\"\n")
	n.write(t, "bin/systemctl", "#!/bin/sh\n[ \"$*\" = 'restart containerd' ] && containerd config dump >restarted\n")
	n.before = strings.Split(n.shell(t, "containerd config dump"), "\n")
	for _, line := range []string{"SystemdCgroup = true", "config_path = '" + n.local(etc) + "/certs.d'"} {
		if !slices.ContainsFunc(n.before, func(s string) bool { return strings.ReplaceAll(strings.TrimSpace(s), `"`, "'") == line }) {
			t.Fatalf("containerd does not read %q, so there is nothing to lose:\n%s", line, strings.Join(n.before, "\n"))
		}
	}
	return n
}

// change takes the steps of a section of the page, and those back.
func (n *node) change(t *testing.T, section string) {
	t.Helper()
	said := n.shell(t, steps(t, section))
	for line := range strings.Lines(said) {
		if (line[0] == '<' || line[0] == '>') && !sandbox.MatchString(line[1:]) {
			t.Errorf("the steps show a change that the page does not announce: %s", line)
		}
	}
	after := n.restarted(t)
	for _, line := range changes(n.before, after) {
		if !sandbox.MatchString(line[1:]) {
			t.Errorf("the steps change more than the sandbox image: %s", line)
		}
	}
	var images []string
	for _, line := range after {
		if m := sandbox.FindStringSubmatch(line); m != nil && m[1] != "" {
			images = append(images, m[1])
		}
	}
	if want := []string{pods.Reference}; !slices.Equal(images, want) {
		t.Errorf("the sandbox images are %q, want %q", images, want)
	}
	n.shell(t, steps(t, "Go back"))
	for _, line := range changes(n.before, n.restarted(t)) {
		t.Errorf("the steps back leave a change: %s", line)
	}
}

// sandbox matches the lines of a configuration that may change; its first group is the image.
var sandbox = regexp.MustCompile(`^ *(?:sandbox(?:_image)? = ['"](.*)['"]|imports = .*)\s*$`)

// changes returns the lines that are not in both texts, as diff marks them.
func changes(before, after []string) (all []string) {
	for mark, texts := range map[string][2][]string{"< ": {before, after}, "> ": {after, before}} {
		for _, line := range texts[0] {
			if !slices.Contains(texts[1], line) {
				all = append(all, mark+line)
			}
		}
	}
	return all
}

// steps returns the commands of a section of the page: the indented lines.
func steps(t *testing.T, section string) string {
	t.Helper()
	page, err := os.ReadFile(targets.File(t, "PAUSE_PAGE"))
	need.NoError(t, err)
	_, text, found := strings.Cut(string(page), "\n### "+section+"\n")
	text, _, _ = strings.Cut(text, "\n#")
	var commands strings.Builder
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			commands.WriteString(command)
		}
	}
	if !found || commands.Len() == 0 {
		t.Fatalf("docs/sandbox.md has no section %q with commands", section)
	}
	return commands.String()
}

// shell runs commands as somebody would who has copied them, and returns what they print. None may complain.
func (n *node) shell(t *testing.T, commands string) string {
	t.Helper()
	cmd := exec.Command("bash", "-c", n.local(commands))
	cmd.Dir = n.dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(n.dir, "bin")+":"+os.Getenv("PATH"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// The exit code is that of the last command, which may be diff.
	_ = cmd.Run()
	for line := range strings.Lines(stderr.String()) {
		// From 2.3 on containerd says so of every older file, and the file of this project is for all 2.x.
		if !strings.Contains(line, "Configuration migrated from version") {
			t.Errorf("a command complains: %s", line)
		}
	}
	return stdout.String()
}

// restarted returns the lines of what containerd read when it was last restarted, and forgets it.
func (n *node) restarted(t *testing.T) []string {
	t.Helper()
	name := filepath.Join(n.dir, "restarted")
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal("the steps do not restart containerd")
	}
	need.NoError(t, os.Remove(name))
	return strings.Split(string(content), "\n")
}

// local puts the folder of the node in place of etc.
func (n *node) local(text string) string {
	return strings.ReplaceAll(text, etc, filepath.Join(n.dir, "containerd"))
}

// copy makes a file of the node of the one that an environment variable names.
func (n *node) copy(t *testing.T, env, name string) {
	t.Helper()
	content, err := os.ReadFile(targets.File(t, env))
	need.NoError(t, err)
	n.write(t, name, string(content))
}

func (n *node) write(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(n.dir, name)
	need.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	need.NoError(t, os.WriteFile(path, []byte(content), 0o755))
}
