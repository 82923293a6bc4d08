package engines

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/pods"
	"example.com/pause/tests/lib/proc"
	"example.com/pause/tests/lib/targets"
)

// TestSandbox: containerd, configured as deploy/sandbox says and asked through the Container Runtime Interface as the
// kubelet asks, makes the image the sandbox of a pod: with the host's network and with one of its own, with the engine's
// seccomp profile and with the shipped one. In such a pod, with a shared PID namespace, the sandbox reaps; and the image
// also runs as a container of the pod, as deploy/base starts it.
func TestSandbox(t *testing.T) {
	isolated(t)
	plugins := pods.Plugins()
	d := startContainerd(t, reference)
	d.load(t, "k8s.io")
	k := d.kubelet(t)
	ctx, cancel := context.WithTimeout(t.Context(), proc.Patience)
	defer cancel()
	image, err := k.AwaitImage(ctx)
	need.NoError(t, err)

	if d.major >= 2 { // before, pinning takes a label
		t.Run("Pinned", func(t *testing.T) {
			if !image.GetPinned() {
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
					need.NoError(t, d.AddNetwork())
					k.awaitCondition(t, cri.NetworkReady)
				}
				k.pod(t, network.mode, seccomp.profile)
			})
		}
	}
}

// kubelet is a client of the Container Runtime Interface.
type kubelet struct {
	*pods.Client
	logs string // folder
}

// kubelet returns a client of the daemon, when its interface is up: that is after the socket.
func (d *containerd) kubelet(t *testing.T) kubelet {
	t.Helper()
	client, err := pods.Dial(d.Socket())
	need.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	k := kubelet{client, temp(t)}
	k.awaitCondition(t, cri.RuntimeReady)
	return k
}

// pod starts a pod with one container, checks the sandbox and the container, and stops it again.
func (k kubelet) pod(t *testing.T, network cri.NamespaceMode, seccomp *cri.SecurityProfile) {
	t.Helper()
	config := pods.Sandbox(filepath.Base(temp(t)), network, seccomp)
	config.LogDirectory = k.logs
	id, err := k.sandbox(t, config)
	if err != nil {
		t.Fatal("RunPodSandbox: ", err)
	}
	pod, pid := k.podStatus(t, id)
	if pod.State != cri.PodSandboxState_SANDBOX_READY {
		t.Errorf("PodSandboxStatus: the sandbox is %v, want %v", pod.State, cri.PodSandboxState_SANDBOX_READY)
	}
	if network == cri.NamespaceMode_POD && net.ParseIP(pod.GetNetwork().GetIp()) == nil {
		t.Errorf("PodSandboxStatus: the pod's IP address is %q", pod.GetNetwork().GetIp())
	}
	awaitSleep(t, pid)
	checkSandbox(t, pid)

	k.container(t, id, config, seccomp, pid)
	checkReaps(t, pid)

	if _, err := k.Runtime.StopPodSandbox(t.Context(), &cri.StopPodSandboxRequest{PodSandboxId: id}); err != nil {
		t.Fatal("StopPodSandbox: ", err)
	}
	if pod, _ := k.podStatus(t, id); pod.State != cri.PodSandboxState_SANDBOX_NOTREADY {
		t.Errorf("after StopPodSandbox the sandbox is %v, want %v", pod.State, cri.PodSandboxState_SANDBOX_NOTREADY)
	}
}

// sandbox starts a sandbox, which is removed when the test ends, and returns its ID.
func (k kubelet) sandbox(t *testing.T, config *cri.PodSandboxConfig) (id string, err error) {
	t.Helper()
	ran, err := k.Runtime.RunPodSandbox(t.Context(), &cri.RunPodSandboxRequest{Config: config})
	if err != nil {
		return "", err
	}
	id = ran.PodSandboxId
	t.Cleanup(func() {
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), proc.Patience)
		defer cancel()
		if _, err := k.Runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: id}); err != nil {
			t.Error("StopPodSandbox: ", err)
		}
		if _, err := k.Runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: id}); err != nil {
			t.Error("RemovePodSandbox: ", err)
		}
	})
	return id, nil
}

// container runs the image as a container of the pod, with the security context of deploy/base.
func (k kubelet) container(t *testing.T, pod string, config *cri.PodSandboxConfig,
	seccomp *cri.SecurityProfile, sandbox proc.PID,
) {
	t.Helper()
	created, err := k.Runtime.CreateContainer(t.Context(), &cri.CreateContainerRequest{
		PodSandboxId: pod, SandboxConfig: config, Config: &cri.ContainerConfig{
			Metadata: &cri.ContainerMetadata{Name: "pause"},
			Image:    &cri.ImageSpec{Image: reference},
			LogPath:  filepath.Base(temp(t)),
			Linux: &cri.LinuxContainerConfig{SecurityContext: &cri.LinuxContainerSecurityContext{
				NamespaceOptions: config.Linux.SecurityContext.NamespaceOptions, Seccomp: seccomp, ReadonlyRootfs: true, NoNewPrivs: true,
				Capabilities: &cri.Capability{DropCapabilities: []string{"ALL"}},
			}},
		},
	})
	if err != nil {
		t.Fatal("CreateContainer: ", err)
	}
	id := created.ContainerId
	if _, err := k.Runtime.StartContainer(t.Context(), &cri.StartContainerRequest{ContainerId: id}); err != nil {
		t.Fatal("StartContainer: ", err)
	}
	_, pid := k.containerStatus(t, id)
	awaitSleep(t, pid)
	checkProcess(t, pid, true)
	got, err := os.Readlink(pid.Path("ns/pid"))
	need.NoError(t, err)
	if want, err := os.Readlink(sandbox.Path("ns/pid")); err != nil || got != want {
		t.Errorf("the container is in the PID namespace %s, its sandbox in %s (%v)", got, want, err)
	}
	grace := int64(gracePeriod / time.Second)
	if _, err := k.Runtime.StopContainer(t.Context(), &cri.StopContainerRequest{ContainerId: id, Timeout: grace}); err != nil {
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
	status, pid, err := k.Pod(t.Context(), id)
	need.NoError(t, err)
	return status, pid
}

// containerStatus returns the status of a container and its PID.
func (k kubelet) containerStatus(t *testing.T, id string) (*cri.ContainerStatus, proc.PID) {
	t.Helper()
	answer, err := k.Runtime.ContainerStatus(t.Context(), &cri.ContainerStatusRequest{ContainerId: id, Verbose: true})
	if err != nil {
		t.Fatal("ContainerStatus: ", err)
	}
	pid, err := pods.PID(answer.Info)
	need.NoError(t, err)
	return answer.Status, pid
}

// sandboxConfig is the shipped configuration of the sandbox image for containerd of that major version, with that name for it.
func sandboxConfig(t *testing.T, major int, name string) string {
	t.Helper()
	shipped, err := pods.Settings(major)
	need.NoError(t, err)
	if !strings.Contains(shipped, `"`+reference+`"`) {
		t.Fatalf("what is shipped for containerd %d does not name the image %s", major, reference)
	}
	return strings.ReplaceAll(shipped, reference, name)
}

// awaitCondition waits until the engine says that the condition is true.
func (k kubelet) awaitCondition(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), proc.Patience)
	defer cancel()
	need.NoError(t, k.AwaitCondition(ctx, name))
}
