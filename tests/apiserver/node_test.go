package apiserver

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"example.com/pause/tests/lib/jail"
	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/pods"
	"example.com/pause/tests/lib/proc"
	"example.com/pause/tests/lib/targets"
)

// A kubelet and its engine leave more behind than a control plane.
func TestMain(m *testing.M) {
	if os.Getenv(envAssets) == "" {
		os.Exit(m.Run()) // all are skipped
	}
	jail.Main(m, "pause-apiserver")
}

// replicas is how many pods a Deployment has here.
const replicas = 3

// TestNode: a cluster of one real node, of a kubelet over containerd with the image as sandbox image, runs the base and every
// overlay with the image as container, too; and when they are deleted, nothing of them is left on the node.
func TestNode(t *testing.T) {
	assets := os.Getenv(envAssets)
	for _, program := range []string{"kube-controller-manager", "kube-scheduler", "kubelet"} {
		if _, err := os.Stat(filepath.Join(assets, program)); assets == "" || err != nil {
			t.Skipf("skipped: off by default; %s has to name a folder with %s, which tests/apiserver/programs.sh makes", envAssets, program)
		}
	}
	jail.Need(t)
	c := startCluster(t, assets)
	digest := startNode(t, c, assets)
	manifests, folders := copyManifests(t)
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			folder := released(t, manifests, folder, digest)
			c.must(t, "apply", "--kustomize", folder)
			d := c.deployment(t)
			in := "--namespace=" + d.Namespace
			if out, err := c.kubectl(t, "rollout", "status", "deployment/"+d.Name, in, "--timeout=1m"); err != nil {
				t.Fatalf("%s\n%s", out, c.must(t, "get", "events", in))
			}
			var list corev1.PodList
			need.NoError(t, json.Unmarshal([]byte(c.must(t, "get", "pods", in, "--output", "json")), &list))
			for _, pod := range list.Items {
				if pod.Status.Phase != corev1.PodRunning || pod.Status.PodIP == "" || pod.Status.ContainerStatuses[0].RestartCount != 0 {
					t.Errorf("pod %s is %+v; want it running, with an address, never restarted", pod.Name, pod.Status)
				}
			}
			// Each pod has the image twice: as sandbox and as container.
			if n, shims := len(proc.Named("pause")), len(proc.Named("containerd-shim")); len(list.Items) != replicas || n != 2*replicas || shims != replicas {
				t.Errorf("%d pods, %d processes of the image, %d shims; want %d, %d and %[4]d", len(list.Items), n, shims, replicas, 2*replicas)
			}
			c.must(t, "delete", "--kustomize", folder, "--timeout="+proc.Patience.String())
			state := func() string {
				networks, _ := os.ReadDir("/run/netns")
				return fmt.Sprintf("%d processes of the image, %d shims, %d networks", len(proc.Named("pause")), len(proc.Named("containerd-shim")), len(networks))
			}
			const nothing = "0 processes of the image, 0 shims, 0 networks"
			proc.Await(t, "the node to have "+nothing, func() bool { return state() == nothing }, state)
		})
	}
}

// released returns a folder with the kustomization that docs/deploy.md asks for: it sets the digest and the number of pods.
func released(t *testing.T, manifests, folder, digest string) string {
	t.Helper()
	inner, err := filepath.Rel(manifests, folder)
	need.NoError(t, err)
	return kustomization(t, manifests, "released-"+filepath.Base(folder), fmt.Sprintf(`resources: [../%s]
images: [{name: registry.example.com/pause, digest: %q}]
replicas: [{name: pause, count: %d}]
`, inner, digest, replicas))
}

// startNode starts containerd with the image, and a controller manager, a scheduler and a kubelet for the API server, waits
// until the node is ready, and stops them when the test ends. It returns the digest of the image.
func startNode(t *testing.T, c *cluster, assets string) (digest string) {
	t.Helper()
	containerd := need.Program(t, "containerd", "containerd")
	ctr := need.Program(t, "ctr", "containerd")
	need.Program(t, "runc", "runc")
	need.Program(t, "crun", "crun")
	need.That(t, pods.Plugins() != "", "no CNI plugins; Debian's package containernetworking-plugins has them")
	_, major, err := pods.Version(containerd)
	need.NoError(t, err)
	sandbox, err := pods.Settings(major)
	need.NoError(t, err)
	// It goes with the namespaces: the kubelet mounts its folder on itself, and leaves that.
	dir := filepath.Join(jail.WorkDir, "node")
	config := pods.Config{Dir: dir, Sandbox: sandbox}
	need.NoError(t, os.MkdirAll(dir, 0o755))
	config.Runtime, err = pods.WithoutCgroups(dir)
	need.NoError(t, err)
	path, err := config.Write(major)
	need.NoError(t, err)
	need.NoError(t, config.AddNetwork())
	proc.Daemon(t, containerd, "--config", path)
	client, err := pods.Dial(config.Socket())
	need.NoError(t, err)
	t.Cleanup(func() { client.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), proc.Patience)
	defer cancel()
	need.NoError(t, client.AwaitCondition(ctx, cri.NetworkReady))

	images := func(args ...string) string {
		out, err := exec.Command(ctr, append([]string{"--address", config.Socket(), "--namespace", "k8s.io", "images"}, args...)...).Output()
		if err != nil {
			t.Fatalf("ctr images %q: %v", args, err)
		}
		return string(out)
	}
	images("import", targets.File(t, "PAUSE_ARCHIVE"))
	name := strings.Fields(images("list", "--quiet"))[0]
	digest = regexp.MustCompile(`sha256:[0-9a-f]{64}`).FindString(images("list", "name=="+name))
	images("tag", name, pods.Reference)
	images("tag", name, "registry.example.com/pause@"+digest)

	for _, daemon := range []string{"kube-controller-manager", "kube-scheduler"} {
		proc.Daemon(t, filepath.Join(assets, daemon), "--kubeconfig="+c.kubeconfig, "--leader-elect=false", "--secure-port=0")
	}
	kubelet := proc.Daemon(t, filepath.Join(assets, "kubelet"), kubeletArgs(t, c, config)...)
	kubelet.Await(t, "the node to be ready", func() bool {
		out, _ := c.kubectl(t, "get", "nodes", "--output", `jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}`)
		return out == "True"
	})
	return digest
}

// kubeletArgs returns the arguments of a kubelet that keeps to the namespaces of the tests.
func kubeletArgs(t *testing.T, c *cluster, engine pods.Config) []string {
	t.Helper()
	dir := filepath.Join(engine.Dir, "kubelet")
	profiles := filepath.Join(dir, "seccomp")
	need.NoError(t, os.MkdirAll(profiles, 0o755))
	profile, err := os.ReadFile(targets.File(t, "PAUSE_SECCOMP"))
	need.NoError(t, err)
	need.NoError(t, os.WriteFile(filepath.Join(profiles, "pause.json"), profile, 0o644))
	// It logs below /var/log, whatever it is told.
	need.NoError(t, jail.Scratch("/var/log"))
	// It sets these for the whole machine, unless they are set: it is told that they are.
	for name, value := range map[string]string{
		"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10", "kernel/panic_on_oops": "1",
		"kernel/keys/root_maxkeys": "1000000", "kernel/keys/root_maxbytes": "25000000",
	} {
		file := filepath.Join(dir, filepath.Base(name))
		need.NoError(t, os.WriteFile(file, []byte(value+"\n"), 0o644))
		need.NoError(t, unix.Mount(file, filepath.Join("/proc/sys", name), "", unix.MS_BIND, ""))
	}
	// Without cgroups of its own, because not every machine has all controllers in cgroup 2; and however full the disk is.
	config := fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://%s
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}}
authorization: {mode: AlwaysAllow}
port: %s
healthzPort: 0
podLogsDir: %[3]s/logs
volumePluginDir: %[3]s/plugins
resolvConf: ""
evictionHard: {memory.available: "0%%", nodefs.available: "0%%", nodefs.inodesFree: "0%%", imagefs.available: "0%%"}
`, engine.Socket(), freePort(t), dir)
	file := filepath.Join(dir, "config.yaml")
	need.NoError(t, os.WriteFile(file, []byte(config), 0o644))
	return []string{
		"--config=" + file, "--kubeconfig=" + c.kubeconfig, "--root-dir=" + dir, "--cert-dir=" + filepath.Join(dir, "pki"),
		"--hostname-override=node", "--node-ip=" + jail.Address,
	}
}
