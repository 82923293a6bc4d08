// Package pods asks containerd for pods through the Container Runtime Interface (CRI), as the kubelet does, and configures a
// containerd that keeps to a folder of its own.
package pods

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"example.com/pause/tests/lib/proc"
	"example.com/pause/tests/lib/targets"
)

// Reference is the name of the sandbox image: the files in deploy/sandbox have it.
const Reference = "registry.example.com/pause:1.0"

// Version returns the version of a containerd, such as 1.7.24, and the first number of it.
func Version(program string) (version string, major int, err error) {
	said, err := exec.Command(program, "--version").Output()
	if err != nil {
		return "", 0, fmt.Errorf("%s --version: %w", program, err)
	}
	// containerd github.com/containerd/containerd/v2 2.1.9 ...
	if words := strings.Fields(string(said)); len(words) > 2 {
		version = strings.TrimPrefix(words[2], "v")
		first, _, _ := strings.Cut(version, ".")
		major, err = strconv.Atoi(first)
	}
	if major == 0 || err != nil {
		return "", 0, fmt.Errorf("%s --version prints no version that is understood: %q", program, said)
	}
	return version, major, nil
}

// Settings returns what deploy/sandbox has for a containerd of that major version: for 2 also what later ones take. The
// environment names the files, PAUSE_CONTAINERD_1 and PAUSE_CONTAINERD_2, as targets.Locate reads it.
func Settings(major int) (string, error) {
	path, err := targets.Locate("PAUSE_CONTAINERD_" + strconv.Itoa(min(major, 2)))
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(path)
	return string(text), err
}

// Plugins returns the folder in which the distribution has its CNI plugins, or "".
func Plugins() string {
	for _, dir := range []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"} {
		lacks := func(name string) bool { _, err := os.Stat(filepath.Join(dir, name)); return err != nil }
		if !slices.ContainsFunc([]string{"bridge", "host-local", "loopback"}, lacks) {
			return dir
		}
	}
	return ""
}

// Config is the configuration of a containerd.
type Config struct {
	// Dir is a folder for its socket, its state, what it stores and the networks of pods. It should have a short name: the path of
	// a socket has 107 characters at most.
	Dir string
	// Sandbox is what deploy/sandbox has for the daemon's version; "" is a daemon without the CRI.
	Sandbox string
	// Runtime is the path of the OCI runtime; "" is the daemon's own choice, runc.
	Runtime string
}

// Socket is where the daemon listens.
func (c Config) Socket() string { return filepath.Join(c.Dir, "sock") }

// Write writes the configuration for a daemon of that major version, and returns the path of the file.
func (c Config) Write(major int) (string, error) {
	// Keys of the root table come before any table. The plugin opt makes a folder in /opt, and nri a socket of a fixed name.
	text := fmt.Sprintf("root = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.internal.v1.opt\", \"io.containerd.nri.v1.nri\"",
		filepath.Join(c.Dir, "root"), filepath.Join(c.Dir, "state"))
	if c.Sandbox == "" {
		text += `, "io.containerd.grpc.v1.cri"]` + "\nversion = 2\n"
	} else {
		text += "]\n" + c.Sandbox
		plugin := "io.containerd.grpc.v1.cri" // the table that deploy/sandbox ends with
		if major >= 2 {
			plugin = "io.containerd.cri.v1.runtime"
			text += fmt.Sprintf("\n[plugins.%q]\n", plugin)
		}
		// The machine may not give the right to lower the score by which the kernel chooses whom to kill.
		text += "  restrict_oom_score_adj = true\n"
		if c.Runtime != "" {
			text += fmt.Sprintf("\n[plugins.%q.containerd.runtimes.runc]\n  runtime_type = \"io.containerd.runc.v2\"\n", plugin)
			text += fmt.Sprintf("\n[plugins.%q.containerd.runtimes.runc.options]\n  BinaryName = %q\n", plugin, c.Runtime)
		}
		text += fmt.Sprintf("\n[plugins.%q.cni]\n  bin_dir = %q\n  conf_dir = %q\n", plugin, Plugins(), c.networks())
	}
	text += fmt.Sprintf("\n[grpc]\n  address = %q\n", c.Socket())
	path := filepath.Join(c.Dir, "config.toml")
	return path, errors.Join(os.MkdirAll(c.networks(), 0o755), os.WriteFile(path, []byte(text), 0o644))
}

func (c Config) networks() string { return filepath.Join(c.Dir, "networks") }

// WithoutCgroups returns the path of an OCI runtime, for machines whose cgroup 2 has no controller for CPU shares, which the
// kubelet's requests need, and "" on others. containerd 2 cannot be told to do without cgroups, but crun can. The runtime is a
// script in dir.
func WithoutCgroups(dir string) (string, error) {
	names, _ := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	if slices.Contains(strings.Fields(string(names)), "cpu") {
		return "", nil
	}
	crun, err := exec.LookPath("crun")
	if err != nil {
		return "", err
	}
	wrapper := filepath.Join(dir, "crun")
	return wrapper, os.WriteFile(wrapper, []byte("#!/bin/sh\nexec "+crun+" --cgroup-manager=disabled \"$@\"\n"), 0o755)
}

// AddNetwork gives pods a bridge in the daemon's network namespace, which should have no other. The daemon notices it after a
// while: see Client.AwaitCondition.
func (c Config) AddNetwork() error {
	network := fmt.Sprintf(`{
  "cniVersion": "1.0.0",
  "name": "pause",
  "plugins": [{
    "type": "bridge",
    "bridge": "pause0",
    "ipam": {"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": "10.88.0.0/16"}]]}
  }]
}`, filepath.Join(c.Dir, "addresses"))
	return os.WriteFile(filepath.Join(c.networks(), "10-pause.conflist"), []byte(network), 0o644)
}

// Sandbox returns a pod without containers, with its own network (POD) or the daemon's (NODE), as the kubelet asks for it.
func Sandbox(name string, network cri.NamespaceMode, seccomp *cri.SecurityProfile) *cri.PodSandboxConfig {
	config := &cri.PodSandboxConfig{
		Metadata:  &cri.PodSandboxMetadata{Name: name, Namespace: "pause", Uid: name},
		DnsConfig: &cri.DNSConfig{},
		Linux: &cri.LinuxPodSandboxConfig{SecurityContext: &cri.LinuxSandboxSecurityContext{
			NamespaceOptions: &cri.NamespaceOption{Network: network, Pid: cri.NamespaceMode_POD, Ipc: cri.NamespaceMode_POD},
			Seccomp:          seccomp, ReadonlyRootfs: true,
		}},
	}
	if network == cri.NamespaceMode_POD {
		config.Hostname = "pause" // with the host's network goes the host's name
	}
	return config
}

// A Client speaks to a daemon.
type Client struct {
	Runtime cri.RuntimeServiceClient // pods and containers
	Images  cri.ImageServiceClient
	conn    *grpc.ClientConn
}

// Dial returns a client of the daemon that listens, or will listen, on the Unix socket.
func Dial(socket string) (*Client, error) {
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return &Client{cri.NewRuntimeServiceClient(conn), cri.NewImageServiceClient(conn), conn}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// AwaitCondition waits until the daemon says that the condition, cri.RuntimeReady or cri.NetworkReady, is true, or ctx ends.
func (c *Client) AwaitCondition(ctx context.Context, name string) error {
	return await(ctx, name, func() (bool, error) {
		answer, err := c.Runtime.Status(ctx, &cri.StatusRequest{})
		return slices.ContainsFunc(answer.GetStatus().GetConditions(), func(c *cri.RuntimeCondition) bool {
			return c.Type == name && c.Status
		}), err
	})
}

// AwaitImage waits until the CRI has the image Reference: it hears some time later of one that ctr has imported. The answer of
// the daemon is returned.
func (c *Client) AwaitImage(ctx context.Context) (image *cri.Image, err error) {
	err = await(ctx, "the image "+Reference, func() (bool, error) {
		answer, err := c.Images.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: Reference}})
		image = answer.GetImage()
		return image != nil, err
	})
	return image, err
}

// await asks done until it says so. Until ctx ends, its errors are those of a daemon that is not up yet.
func await(ctx context.Context, what string, done func() (bool, error)) error {
	for {
		ok, err := done()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("containerd: waited in vain for %s: %w", what, errors.Join(context.Cause(ctx), err))
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Pod returns the status of a pod and the PID of its sandbox.
func (c *Client) Pod(ctx context.Context, id string) (*cri.PodSandboxStatus, proc.PID, error) {
	answer, err := c.Runtime.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: id, Verbose: true})
	if err != nil {
		return nil, 0, fmt.Errorf("PodSandboxStatus: %w", err)
	}
	pid, err := PID(answer.Info)
	return answer.Status, pid, err
}

// PID reads the PID from the information that containerd adds to a verbose status of a pod or a container.
func PID(info map[string]string) (proc.PID, error) {
	var values struct{ PID proc.PID }
	if err := json.Unmarshal([]byte(info["info"]), &values); err != nil {
		return 0, fmt.Errorf("verbose status %q: %w", info, err)
	}
	return values.PID, nil
}
