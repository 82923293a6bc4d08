package engines

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sys/unix"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/pods"
	"example.com/pause/tests/lib/proc"
	"example.com/pause/tests/lib/targets"
)

// TestNode: the command of the service in deploy/node, installed from the cloud-init file, gives containerd back the sandbox
// image that it has lost, under whatever name the image is configured, and without a network.
func TestNode(t *testing.T) {
	isolated(t)
	for _, name := range []string{reference, "registry.k8s.io/pause:3.6", "registry.example.com:5000/a/b@" + digest(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startContainerd(t, name)
			k := d.kubelet(t)
			repair := installNode(t)
			repair.env = d.nodeEnv()

			t.Run("Lost", func(t *testing.T) { k.checkRepair(t, d, repair, name) })
			t.Run("AllIsWell", func(t *testing.T) {
				before := d.images(t)
				repair.check(t, "")
				if after := d.images(t); after != before {
					t.Errorf("the images were\n%s, and are\n%s", before, after)
				}
			})
			t.Run("NotPinned", func(t *testing.T) {
				run(t, d.ctr, d.args("k8s.io", "images", "label", name, pinLabel+"=")...)
				if d.major < 2 && strings.Contains(d.image(t, name), pinLabel+"=pinned") { // 2 sets it again by itself
					t.Fatal("the label is still there")
				}
				repair.check(t, "")
				d.checkImage(t, name, digest(t))
			})
			t.Run("OtherPlatforms", func(t *testing.T) { // their content is collected, and the index still names them
				const other = "registry.example.com/other:1"
				there := func() bool { return k.status(t, other) != nil }
				run(t, d.ctr, d.args("k8s.io", "images", "tag", name, other)...)
				proc.Await(t, other, there, func() string { return "not there" })
				run(t, d.ctr, d.args("k8s.io", "images", "remove", "--sync", other)...)
				proc.Await(t, "the end of "+other, func() bool { return !there() }, func() string { return "there" })
				k.checkRuns(t)
			})
			t.Run("Collected", func(t *testing.T) {
				k.awaitRepaired(t, d, name)
				k.collect(t)
				if there := k.status(t, name) != nil; there != d.pins(t) {
					t.Errorf("after the kubelet's garbage collection the image is there: %v, want %v", there, d.pins(t))
				}
				if !d.pins(t) { // until the timer runs the command again
					repair.check(t, name)
					k.awaitRepaired(t, d, name)
				}
				k.checkRuns(t)
			})
			t.Run("Removed", func(t *testing.T) {
				_, err := k.Images.RemoveImage(t.Context(), &cri.RemoveImageRequest{Image: &cri.ImageSpec{Image: name}})
				need.NoError(t, err)
				k.checkRepair(t, d, repair, name)
			})
		})
	}
}

// TestNodeOtherImage: an image that is there stays, whatever it is, and is pinned.
func TestNodeOtherImage(t *testing.T) {
	isolated(t)
	d := startContainerd(t, reference)
	repair := installNode(t)
	repair.env = d.nodeEnv()
	run(t, d.ctr, d.args("k8s.io", "images", "import", targets.File(t, "PAUSE_TARBALL"))...)
	other := strings.Fields(run(t, d.ctr, d.args("k8s.io", "images", "list", "--quiet")...))[0]
	run(t, d.ctr, d.args("k8s.io", "images", "tag", other, reference)...)
	if strings.Contains(d.image(t, reference), digest(t)) {
		t.Fatal("this is no other image")
	}
	want := strings.Fields(d.image(t, reference))[2]
	repair.check(t, "")
	d.checkImage(t, reference, want)
}

// TestNodeFiles: what Cluster API gets is what cloud-init gets, in the form that it takes.
func TestNodeFiles(t *testing.T) {
	var kubeadm struct {
		Files    []nodeFile `yaml:"files"`
		Commands []string   `yaml:"preKubeadmCommands"`
	}
	readYAML(t, "PAUSE_KUBEADM", &kubeadm)
	cloudInit := readCloudInit(t)
	if !slices.Equal(kubeadm.Files, cloudInit.Files) || !slices.Equal(kubeadm.Commands, cloudInit.Commands) {
		t.Errorf("Cluster API gets %v, want %v", kubeadm, cloudInit)
	}
	for _, file := range kubeadm.Files {
		const most = 10240 // maxLength in the schema of KubeadmConfig
		if len(file.Content) > most {
			t.Errorf("%s has %d characters, want at most %d", file.Path, len(file.Content), most)
		}
		// Cluster API's cloud-init file is a template of Jinja.
		for _, mark := range []string{"{{", "{%", "{#"} {
			if strings.Contains(file.Content, mark) {
				t.Errorf("%s has %s, which starts something in a template", file.Path, mark)
			}
		}
		if strings.HasSuffix(file.Path, ".tar") {
			archive, err := os.ReadFile(targets.File(t, "PAUSE_NODE_ARCHIVE"))
			need.NoError(t, err)
			if !bytes.Equal(file.decode(t), archive) {
				t.Errorf("%s is not the archive", file.Path)
			}
		}
	}
}

// TestNodeErrors: what is wrong is said in one line, and nothing is imported.
func TestNodeErrors(t *testing.T) {
	isolated(t)
	d := startContainerd(t, reference)
	installed := installNode(t)
	installed.env = d.nodeEnv()
	dir := temp(t)
	hangs := filepath.Join(dir, "hangs")
	listener, err := net.Listen("unix", hangs)
	need.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	archive, err := os.ReadFile(installed.args[1])
	need.NoError(t, err)
	empty, short := filepath.Join(dir, "empty"), filepath.Join(dir, "short.tar")
	need.NoError(t, errors.Join(os.Mkdir(empty, 0o755), os.WriteFile(short, archive[:len(archive)/2], 0o644)))
	containerd := filepath.Join(dir, "containerd")
	program, err := exec.LookPath("containerd")
	need.NoError(t, err)
	need.NoError(t, errors.Join(os.Mkdir(containerd, 0o755), os.Symlink(program, filepath.Join(containerd, "containerd"))))
	sandbox := func(name string) string { return "CONTAINERD_CONFIG=" + d.configWith(t, name) }
	foreign := "registry.example.com/pause@sha256:" + strings.Repeat("0", 64)

	for name, test := range map[string]struct {
		env  string // as well as what is right
		args []string
		says string
	}{
		"no containerd":     {"PATH=" + empty, nil, "no containerd on PATH"},
		"no ctr":            {"PATH=" + containerd, nil, "no ctr on PATH"},
		"no socket":         {"CONTAINERD_ADDRESS=" + dir + "/none", nil, dir + "/none"},
		"no answer":         {"CONTAINERD_ADDRESS=" + hangs, nil, hangs},
		"no configuration":  {"CONTAINERD_CONFIG=" + dir + "/none", nil, dir + "/none"},
		"no sandbox image":  {sandbox(""), nil, "names no sandbox image"},
		"short name":        {sandbox("pause:3.6"), nil, "pause:3.6 in the configuration of containerd; write it with a registry and a tag"},
		"no tag":            {sandbox("registry.example.com:5000/pause"), nil, "write it with a registry and a tag"},
		"another digest":    {sandbox(foreign), nil, foreign + " in the configuration of containerd, and " + installed.args[1] + " has " + digest(t)},
		"no archive":        {"", []string{dir + "/none"}, dir + "/none cannot be read"},
		"not an archive":    {"", []string{d.configWith(t, reference)}, "is not the archive of an image"},
		"half an archive":   {"", []string{short}, "unexpected EOF"},
		"no argument":       {"", []string{}, "want one argument"},
		"too many archives": {"", []string{short, short}, "want one argument"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repair := installed
			repair.env = append(slices.Clone(installed.env), test.env)
			if test.args != nil {
				repair.args = append(installed.args[:1:1], test.args...)
			}
			repair.checkError(t, test.says)
			if images := d.images(t); strings.Contains(images, "registry") {
				t.Errorf("there are images:\n%s", images)
			}
		})
	}
	t.Run("read-only disk", func(t *testing.T) {
		content := filepath.Join(d.Dir, "root", "io.containerd.content.v1.content", "ingest")
		need.NoError(t, os.MkdirAll(content, 0o755))
		need.NoError(t, unix.Mount("tmpfs", content, "tmpfs", unix.MS_RDONLY, ""))
		t.Cleanup(func() { need.NoError(t, unix.Unmount(content, 0)) })
		installed.checkError(t, "read-only file system")
	})
}

// A nodeCommand is what the service runs.
type nodeCommand struct {
	args []string
	env  []string // the whole environment
}

// installNode does what cloud-init and systemd do with deploy/node, in a folder in place of the root, and returns what the
// service then runs.
func installNode(t *testing.T) nodeCommand {
	t.Helper()
	root := temp(t)
	config := readCloudInit(t)
	for _, file := range config.Files {
		mode, err := strconv.ParseUint(file.Permissions, 8, 9)
		need.NoError(t, err)
		path := filepath.Join(root, file.Path)
		need.NoError(t, errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, file.decode(t), os.FileMode(mode))))
	}
	for _, command := range config.Commands {
		for _, unit := range strings.Fields(command)[3:] { // systemctl enable --now
			_, err := os.Stat(filepath.Join(root, "/etc/systemd/system", unit))
			need.NoError(t, err)
		}
	}
	unit, err := os.ReadFile(filepath.Join(root, "/etc/systemd/system/sandbox-image.service"))
	need.NoError(t, err)
	var command nodeCommand
	for line := range strings.Lines(string(unit)) {
		if words, ok := strings.CutPrefix(line, "ExecStart="); ok {
			for word := range strings.FieldsSeq(words) {
				command.args = append(command.args, filepath.Join(root, word)) // all of them are paths
			}
		}
	}
	if len(command.args) != 2 {
		t.Fatalf("the service runs %q, want a command and an archive", command.args)
	}
	return command
}

type cloudInit struct {
	MergeHow string     `yaml:"merge_how"` // as well as the lists of other parts of user data
	Files    []nodeFile `yaml:"write_files"`
	Commands []string   `yaml:"runcmd"`
}

func readCloudInit(t *testing.T) (config cloudInit) {
	t.Helper()
	readYAML(t, "PAUSE_CLOUD_INIT", &config)
	return config
}

// A nodeFile is a file that is to be written, as cloud-init and Cluster API both have it.
type nodeFile struct {
	Path, Owner, Permissions, Encoding, Content string
}

// decode returns the content as it is written.
func (f nodeFile) decode(t *testing.T) []byte {
	t.Helper()
	switch f.Encoding {
	case "":
		return []byte(f.Content)
	case "gzip+base64":
		packed, err := base64.StdEncoding.DecodeString(f.Content)
		need.NoError(t, err)
		reader, err := gzip.NewReader(bytes.NewReader(packed))
		need.NoError(t, err)
		content, err := io.ReadAll(reader)
		need.NoError(t, err)
		return content
	}
	t.Fatalf("%s has the encoding %q", f.Path, f.Encoding)
	return nil
}

// readYAML reads the file that an environment variable names. Every field in it must be known.
func readYAML(t *testing.T, env string, value any) {
	t.Helper()
	content, err := os.ReadFile(targets.File(t, env))
	need.NoError(t, err)
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	need.NoError(t, decoder.Decode(value))
}

// run runs the command and returns its standard output and its standard error.
func (c nodeCommand) run(t *testing.T) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), proc.Patience)
	defer cancel()
	var out, said strings.Builder
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = c.env, &out, &said
	err = cmd.Run()
	return out.String(), said.String(), err
}

// check runs the command, which must succeed and import the image of that name, or say nothing if name is "".
func (c nodeCommand) check(t *testing.T, name string) {
	t.Helper()
	want := ""
	if name != "" {
		want = fmt.Sprintf("imported %s as %s\n", digest(t), name)
	}
	if stdout, stderr, err := c.run(t); err != nil || stderr != "" || stdout != want {
		t.Fatalf("the command printed %q and %q, want %q and nothing: %v", stdout, stderr, want, err)
	}
}

// checkError runs the command, which must fail and say so in one line.
func (c nodeCommand) checkError(t *testing.T, says string) {
	t.Helper()
	stdout, stderr, err := c.run(t)
	if err == nil || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "sandbox-image: ") || !strings.Contains(stderr, says) {
		t.Errorf("the command printed %q and %q, want nothing and one line with %q: %v", stdout, stderr, says, err)
	}
}

// nodeEnv is the environment in which the command finds the daemon.
func (d *containerd) nodeEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "CONTAINERD_ADDRESS=" + d.Socket(), "CONTAINERD_CONFIG=" + filepath.Join(d.Dir, "config.toml")}
}

// configWith returns the path of a configuration with that sandbox image.
func (d *containerd) configWith(t *testing.T, sandbox string) string {
	t.Helper()
	path, err := pods.Config{Dir: temp(t), Sandbox: sandboxConfig(t, d.major, sandbox)}.Write(d.major)
	need.NoError(t, err)
	return path
}

const pinLabel = "io.cri-containerd.pinned"

// images lists the kubelet's images.
func (d *containerd) images(t *testing.T) string {
	t.Helper()
	return run(t, d.ctr, d.args("k8s.io", "images", "list")...)
}

// image returns the line of an image in that list: name, media type, digest, and labels at its end.
func (d *containerd) image(t *testing.T, name string) string {
	t.Helper()
	for line := range strings.Lines(d.images(t)) {
		if strings.HasPrefix(line, name+" ") {
			return line
		}
	}
	t.Fatalf("there is no image %s", name)
	return ""
}

// checkImage checks that an image has the digest, and the label that pins it.
func (d *containerd) checkImage(t *testing.T, name, digest string) {
	t.Helper()
	if image := d.image(t, name); !strings.Contains(image, digest) || !strings.Contains(image, pinLabel+"=pinned") {
		t.Errorf("want an image with the digest %s, pinned; there is %s", digest, image)
	}
}

// pins reports whether the kubelet hears from the daemon that an image is pinned: since 1.6.22, 1.7.3 and 2.0.
func (d *containerd) pins(t *testing.T) bool {
	t.Helper()
	version, _, err := pods.Version(need.Program(t, "containerd", "containerd"))
	need.NoError(t, err)
	var major, minor, patch int
	_, err = fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch)
	need.NoError(t, err)
	return major > 1 || minor > 7 || minor == 7 && patch >= 3 || minor == 6 && patch >= 22
}

// status returns what the daemon answers the kubelet about an image, nil if it is not there.
func (k kubelet) status(t *testing.T, name string) *cri.Image {
	t.Helper()
	answer, err := k.Images.ImageStatus(t.Context(), &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: name}})
	need.NoError(t, err)
	return answer.Image
}

// awaitRepaired waits until the kubelet hears of an image that ctr imported, and that it is pinned.
func (k kubelet) awaitRepaired(t *testing.T, d *containerd, name string) {
	t.Helper()
	pins := d.pins(t)
	proc.Await(t, "the image "+name, func() bool {
		image := k.status(t, name)
		return image != nil && image.Pinned == pins
	}, func() string { return fmt.Sprint(k.status(t, name)) })
}

// collect is the kubelet's garbage collection when the disk is full: it removes by ID each image that no container uses and that
// is not pinned (realImageGCManager in pkg/kubelet/images; the sandbox is no container to it).
func (k kubelet) collect(t *testing.T) {
	t.Helper()
	list, err := k.Images.ListImages(t.Context(), &cri.ListImagesRequest{})
	need.NoError(t, err)
	for _, image := range list.Images {
		if !image.Pinned {
			_, err := k.Images.RemoveImage(t.Context(), &cri.RemoveImageRequest{Image: &cri.ImageSpec{Image: image.Id}})
			need.NoError(t, err)
		}
	}
}

// checkRuns checks that a pod's sandbox is the image.
func (k kubelet) checkRuns(t *testing.T) {
	t.Helper()
	id, err := k.sandbox(t, nodePod(t))
	if err != nil {
		t.Fatal("RunPodSandbox: ", err)
	}
	_, pid := k.podStatus(t, id)
	awaitSleep(t, pid)
	checkSandbox(t, pid)
}

func nodePod(t *testing.T) *cri.PodSandboxConfig {
	t.Helper()
	return pods.Sandbox(filepath.Base(temp(t)), cri.NamespaceMode_NODE, &cri.SecurityProfile{ProfileType: cri.SecurityProfile_RuntimeDefault})
}

// checkRepair checks that no pod starts before the command has run, and that one starts afterwards.
func (k kubelet) checkRepair(t *testing.T, d *containerd, repair nodeCommand, name string) {
	t.Helper()
	if _, err := k.sandbox(t, nodePod(t)); err == nil || !strings.Contains(err.Error(), name) {
		t.Fatalf("without the image %s, RunPodSandbox says: %v", name, err)
	}
	repair.check(t, name)
	d.checkImage(t, name, digest(t))
	k.awaitRepaired(t, d, name)
	k.checkRuns(t)
}
