package engines

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"example.com/pause/tests/lib/background"
	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/proc"
	"example.com/pause/tests/lib/targets"
)

// TestSandbox: containerd, configured as deploy/sandbox says and asked through the Container Runtime Interface as the
// kubelet asks, makes the image the sandbox of a pod: with the host's network and with one of its own, with the engine's
// seccomp profile and with the shipped one. In such a pod, with a shared PID namespace, the sandbox reaps; and the image
// also runs as a container of the pod, as deploy/base starts it.
func TestSandbox(t *testing.T) {
	isolated(t)
	plugins := pluginFolder()
	conf := temp(t)
	var version int
	d := startContainerd(t, func(major int) string {
		version = major
		return criConfig(t, major, plugins, conf)
	})
	d.load(t, "k8s.io")
	conn, err := grpc.NewClient("unix://"+d.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	k := kubelet{cri.NewRuntimeServiceClient(conn), cri.NewImageServiceClient(conn), temp(t)}
	k.awaitCondition(t, cri.RuntimeReady) // the interface comes up after the socket

	if version >= 2 { // before, pinning takes a label
		t.Run("Pinned", func(t *testing.T) {
			answer, err := k.images.ImageStatus(t.Context(), &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: reference}})
			if err != nil {
				t.Fatal("ImageStatus: ", err)
			}
			if !answer.GetImage().GetPinned() {
				t.Error("the sandbox image is not pinned, so the kubelet may collect it")
			}
		})
	}
	for _, network := range []struct {
		name string
		mode cri.NamespaceMode
	}{
		{"HostNetwork", cri.NamespaceMode_NODE},
		{"PodNetwork", cri.NamespaceMode_POD},
	} {
		for _, seccomp := range []struct {
			name    string
			profile *cri.SecurityProfile
		}{
			{"DefaultSeccomp", &cri.SecurityProfile{ProfileType: cri.SecurityProfile_RuntimeDefault}},
			{"ShippedSeccomp", &cri.SecurityProfile{ProfileType: cri.SecurityProfile_Localhost, LocalhostRef: targets.File(t, "PAUSE_SECCOMP")}},
		} {
			t.Run(network.name+"/"+seccomp.name, func(t *testing.T) {
				if network.mode == cri.NamespaceMode_POD {
					need.That(t, plugins != "", "no CNI plugins; Debian's package containernetworking-plugins has them")
					addNetwork(t, k, conf)
				}
				k.pod(t, network.mode, seccomp.profile)
			})
		}
	}
}

// kubelet is a client of the Container Runtime Interface.
type kubelet struct {
	runtime cri.RuntimeServiceClient
	images  cri.ImageServiceClient
	logs    string // folder
}

// pod starts a pod with one container, checks the sandbox and the container, and stops it again.
func (k kubelet) pod(t *testing.T, network cri.NamespaceMode, seccomp *cri.SecurityProfile) {
	t.Helper()
	namespaces := &cri.NamespaceOption{Network: network, Pid: cri.NamespaceMode_POD, Ipc: cri.NamespaceMode_POD}
	config := &cri.PodSandboxConfig{
		Metadata:     &cri.PodSandboxMetadata{Name: "pause", Namespace: "pause", Uid: filepath.Base(temp(t))},
		LogDirectory: k.logs,
		DnsConfig:    &cri.DNSConfig{},
		Linux: &cri.LinuxPodSandboxConfig{SecurityContext: &cri.LinuxSandboxSecurityContext{
			NamespaceOptions: namespaces, Seccomp: seccomp, ReadonlyRootfs: true,
		}},
	}
	if network == cri.NamespaceMode_POD {
		config.Hostname = "pause" // with the host's network goes the host's name
	}
	ran, err := k.runtime.RunPodSandbox(t.Context(), &cri.RunPodSandboxRequest{Config: config})
	if err != nil {
		t.Fatal("RunPodSandbox: ", err)
	}
	id := ran.PodSandboxId
	t.Cleanup(func() {
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), background.Patience)
		defer cancel()
		if _, err := k.runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: id}); err != nil {
			t.Error("StopPodSandbox: ", err)
		}
		if _, err := k.runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: id}); err != nil {
			t.Error("RemovePodSandbox: ", err)
		}
	})
	pod, pid := k.podStatus(t, id)
	if pod.State != cri.PodSandboxState_SANDBOX_READY {
		t.Errorf("PodSandboxStatus: the sandbox is %v, want %v", pod.State, cri.PodSandboxState_SANDBOX_READY)
	}
	if network == cri.NamespaceMode_POD && net.ParseIP(pod.GetNetwork().GetIp()) == nil {
		t.Errorf("PodSandboxStatus: the pod's IP address is %q", pod.GetNetwork().GetIp())
	}
	awaitSleep(t, pid)
	checkSandbox(t, pid)

	k.container(t, id, config, namespaces, seccomp, pid)
	checkReaps(t, pid)

	if _, err := k.runtime.StopPodSandbox(t.Context(), &cri.StopPodSandboxRequest{PodSandboxId: id}); err != nil {
		t.Fatal("StopPodSandbox: ", err)
	}
	if pod, _ := k.podStatus(t, id); pod.State != cri.PodSandboxState_SANDBOX_NOTREADY {
		t.Errorf("after StopPodSandbox the sandbox is %v, want %v", pod.State, cri.PodSandboxState_SANDBOX_NOTREADY)
	}
}

// container runs the image as a container of the pod, with the security context of deploy/base.
func (k kubelet) container(t *testing.T, pod string, config *cri.PodSandboxConfig, namespaces *cri.NamespaceOption,
	seccomp *cri.SecurityProfile, sandbox proc.PID,
) {
	t.Helper()
	created, err := k.runtime.CreateContainer(t.Context(), &cri.CreateContainerRequest{
		PodSandboxId: pod, SandboxConfig: config, Config: &cri.ContainerConfig{
			Metadata: &cri.ContainerMetadata{Name: "pause"},
			Image:    &cri.ImageSpec{Image: reference},
			LogPath:  filepath.Base(temp(t)),
			Linux: &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{
				NamespaceOptions: namespaces, Seccomp: seccomp, ReadonlyRootfs: true, NoNewPrivs: true,
				Capabilities: &cri.Capability{DropCapabilities: []string{"ALL"}},
			}},
		},
	})
	if err != nil {
		t.Fatal("CreateContainer: ", err)
	}
	id := created.ContainerId
	if _, err := k.runtime.StartContainer(t.Context(), &cri.StartContainerRequest{ContainerId: id}); err != nil {
		t.Fatal("StartContainer: ", err)
	}
	_, pid := k.containerStatus(t, id)
	awaitSleep(t, pid)
	checkProcess(t, pid, true)
	if got, want := link(t, pid, "ns/pid"), link(t, sandbox, "ns/pid"); got != want {
		t.Errorf("the container is in the PID namespace %s, its sandbox in %s", got, want)
	}
	grace := int64(gracePeriod / time.Second)
	if _, err := k.runtime.StopContainer(t.Context(), &cri.StopContainerRequest{ContainerId: id, Timeout: grace}); err != nil {
		t.Fatal("StopContainer: ", err)
	}
	if ended, _ := k.containerStatus(t, id); ended.State != cri.ContainerState_CONTAINER_EXITED || ended.ExitCode != 0 {
		t.Errorf("after StopContainer the container is %v with exit code %d, want %v with 0", ended.State, ended.ExitCode, cri.ContainerState_CONTAINER_EXITED)
	}
}

// checkSandbox checks a sandbox, whose security context is the engine's business where the pod says nothing.
func checkSandbox(t *testing.T, pid proc.PID) {
	t.Helper()
	checkProgram(t, pid)
	checkStatus(t, pid, map[string]string{
		"Threads": "1",
		"Uid":     "65535 65535 65535 65535",
		"Gid":     "65535 65535 65535 65535",
		"CapEff":  "0000000000000000",
		"Seccomp": "2",
	})
}

// podStatus returns the status of a pod and the PID of its sandbox.
func (k kubelet) podStatus(t *testing.T, id string) (*cri.PodSandboxStatus, proc.PID) {
	t.Helper()
	answer, err := k.runtime.PodSandboxStatus(t.Context(), &cri.PodSandboxStatusRequest{PodSandboxId: id, Verbose: true})
	if err != nil {
		t.Fatal("PodSandboxStatus: ", err)
	}
	return answer.Status, infoPID(t, answer.Info)
}

// containerStatus returns the status of a container and its PID.
func (k kubelet) containerStatus(t *testing.T, id string) (*cri.ContainerStatus, proc.PID) {
	t.Helper()
	answer, err := k.runtime.ContainerStatus(t.Context(), &cri.ContainerStatusRequest{ContainerId: id, Verbose: true})
	if err != nil {
		t.Fatal("ContainerStatus: ", err)
	}
	return answer.Status, infoPID(t, answer.Info)
}

// infoPID reads the PID from the information that containerd adds to a verbose status.
func infoPID(t *testing.T, info map[string]string) proc.PID {
	t.Helper()
	var values struct{ PID proc.PID }
	if err := json.Unmarshal([]byte(info["info"]), &values); err != nil {
		t.Fatalf("verbose status %q: %v", info, err)
	}
	return values.PID
}

// link returns where a symbolic link of process pid below /proc points.
func link(t *testing.T, pid proc.PID, name string) string {
	t.Helper()
	target, err := os.Readlink(pid.Path(name))
	check(t, err)
	return target
}

// criConfig is the shipped configuration of the sandbox image for containerd of that major version, and what the tests
// need besides.
func criConfig(t *testing.T, major int, plugins, conf string) string {
	t.Helper()
	path, runtime := targets.File(t, "PAUSE_CONTAINERD_2"), "io.containerd.cri.v1.runtime"
	if major < 2 {
		path, runtime = targets.File(t, "PAUSE_CONTAINERD_1"), "io.containerd.grpc.v1.cri"
	}
	shipped, err := os.ReadFile(path)
	check(t, err)
	if !strings.Contains(string(shipped), `"`+reference+`"`) {
		t.Fatalf("%s does not name the image %s", path, reference)
	}
	text := string(shipped)
	if major >= 2 {
		text += fmt.Sprintf("\n[plugins.%q]\n", runtime)
	}
	// The machine may not give the right to lower the score by which the kernel chooses whom to kill.
	text += "  restrict_oom_score_adj = true\n"
	if !controller("cpu") {
		// The kubelet's requests need a controller for CPU shares, and this machine has none for cgroup 2. containerd 2
		// cannot be told to do without cgroups, but crun can.
		wrapper := filepath.Join(temp(t), "crun")
		script := fmt.Sprintf("#!/bin/sh\nexec %s --cgroup-manager=disabled \"$@\"\n", need.Program(t, "crun", "crun"))
		check(t, os.WriteFile(wrapper, []byte(script), 0o755))
		text += fmt.Sprintf("\n[plugins.%q.containerd.runtimes.runc]\n  runtime_type = \"io.containerd.runc.v2\"\n", runtime)
		text += fmt.Sprintf("\n[plugins.%q.containerd.runtimes.runc.options]\n  BinaryName = %q\n", runtime, wrapper)
	}
	return text + fmt.Sprintf("\n[plugins.%q.cni]\n  bin_dir = %q\n  conf_dir = %q\n", runtime, plugins, conf)
}

// controller reports whether cgroup 2 has the controller here.
func controller(name string) bool {
	names, _ := os.ReadFile(filepath.Join(cgroupMount, "cgroup.controllers"))
	return slices.Contains(strings.Fields(string(names)), name)
}

// pluginFolder is where the distribution has its CNI plugins, or empty.
func pluginFolder() string {
	for _, dir := range []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"} {
		if installed(filepath.Join(dir, "bridge")) && installed(filepath.Join(dir, "host-local")) && installed(filepath.Join(dir, "loopback")) {
			return dir
		}
	}
	return ""
}

// addNetwork configures a bridge for pods in this network namespace, which has nothing else, and waits until containerd
// has noticed.
func addNetwork(t *testing.T, k kubelet, conf string) {
	t.Helper()
	network := fmt.Sprintf(`{
  "cniVersion": "1.0.0",
  "name": "pause",
  "plugins": [{
    "type": "bridge",
    "bridge": "pause0",
    "ipam": {"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": "10.88.0.0/24"}]]}
  }]
}`, filepath.Join(k.logs, "addresses"))
	check(t, os.WriteFile(filepath.Join(conf, "10-pause.conflist"), []byte(network), 0o644))
	k.awaitCondition(t, cri.NetworkReady)
}

// awaitCondition waits until the engine says that the condition is true.
func (k kubelet) awaitCondition(t *testing.T, name string) {
	t.Helper()
	var answer *cri.StatusResponse
	var err error
	background.Await(t, name, func() bool {
		answer, err = k.runtime.Status(t.Context(), &cri.StatusRequest{})
		return slices.ContainsFunc(answer.GetStatus().GetConditions(), func(c *cri.RuntimeCondition) bool {
			return c.Type == name && c.Status
		})
	}, func() string { return fmt.Sprint(answer, err) })
}
