// Package apiserver applies the manifests of deploy to a real Kubernetes API server, as people apply them, and has it enforce
// Pod Security; and runs them on a real node.
//
// The tests are off unless KUBEBUILDER_ASSETS names a folder with etcd, kube-apiserver and kubectl: the variable, and the
// programs, that envtest of controller-runtime uses. A node takes more. tests/apiserver/programs.sh builds all of them, which takes
// minutes and gigabytes; that is why not even --config=ci asks for it.
package apiserver

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"example.com/pause/tests/lib/need"
)

// deploy is the folder of the manifests, as seen from this test's own.
const deploy = "../../deploy"

// TestAPIServer: the server takes base, every overlay, and the fleet together with each other component, as kubectl sends
// them, without a warning, and would change nothing if they were sent again; admits the pods that they ask for; and refuses
// them once they ask for more than the Pod Security level restricted has.
func TestAPIServer(t *testing.T) {
	assets := os.Getenv(envAssets)
	if assets == "" {
		t.Skipf("skipped: off by default; %s has to name a folder with etcd, kube-apiserver and kubectl, which tests/apiserver/programs.sh makes", envAssets)
	}
	c := startCluster(t, assets)
	manifests, folders := copyManifests(t)
	for _, component := range []string{"istio", "linkerd", "seccomp"} {
		// As docs/deploy.md says to combine them.
		folders = append(folders, kustomization(t, manifests, "fleet-"+component,
			"resources: [../base]\ncomponents: [../components/fleet, ../components/"+component+"]\n"))
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			c.must(t, "apply", "--kustomize", folder)
			c.must(t, "diff", "--kustomize", folder)
			pod := c.pod(t)
			// There is no controller manager yet, which makes this account in every namespace.
			c.ensure(t, "serviceaccount", "default", pod.Namespace)
			c.must(t, "create", "--filename", write(t, pod))
			for name, change := range refused {
				t.Run(name, func(t *testing.T) {
					pod := pod.DeepCopy()
					pod.Name = "refused"
					change.to(&pod.Spec)
					out, err := c.kubectl(t, "create", "--filename", write(t, pod))
					if want := `violates PodSecurity "restricted:`; err == nil || !strings.Contains(out, want) || !strings.Contains(out, change.says) {
						t.Errorf("create: %v: %s\nwant an error with %q and %q", err, out, want, change.says)
					}
				})
			}
			// The next folder starts as on a new cluster. The namespace stays: nothing here would end its removal.
			c.must(t, "delete", "deployments,pods", "--all", "--all-namespaces", "--now", "--wait=false")
		})
	}
}

// refused are changes to a pod that the level restricted forbids, with a word of the server's answer.
var refused = map[string]struct {
	says string
	to   func(*corev1.PodSpec)
}{
	"root":               {"runAsUser", func(p *corev1.PodSpec) { p.SecurityContext.RunAsUser = new(int64) }},
	"perhaps root":       {"runAsNonRoot", func(p *corev1.PodSpec) { p.SecurityContext.RunAsNonRoot = nil }},
	"privileges to gain": {"allowPrivilegeEscalation", func(p *corev1.PodSpec) { p.Containers[0].SecurityContext.AllowPrivilegeEscalation = nil }},
	"capabilities":       {"unrestricted capabilities", func(p *corev1.PodSpec) { p.Containers[0].SecurityContext.Capabilities = nil }},
	"no seccomp": {"seccompProfile", func(p *corev1.PodSpec) {
		p.SecurityContext.SeccompProfile.Type = corev1.SeccompProfileTypeUnconfined
		p.SecurityContext.SeccompProfile.LocalhostProfile = nil
	}},
	"the host's network": {"hostNetwork", func(p *corev1.PodSpec) { p.HostNetwork = true }},
	"a folder of the host": {"hostPath", func(p *corev1.PodSpec) {
		p.Volumes = []corev1.Volume{{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
	}},
}

// deployment returns the only Deployment that there is.
func (c *cluster) deployment(t *testing.T) *appsv1.Deployment {
	t.Helper()
	var list appsv1.DeploymentList
	if err := json.Unmarshal([]byte(c.must(t, "get", "deployments", "--all-namespaces", "--output", "json")), &list); err != nil || len(list.Items) != 1 {
		t.Fatalf("there are %d Deployments, want one: %v", len(list.Items), err)
	}
	return &list.Items[0]
}

// pod returns a pod as the controller of the Deployment would make it.
func (c *cluster) pod(t *testing.T) *corev1.Pod {
	t.Helper()
	d := c.deployment(t)
	pod := &corev1.Pod{ObjectMeta: d.Spec.Template.ObjectMeta, Spec: d.Spec.Template.Spec}
	pod.APIVersion, pod.Kind = "v1", "Pod"
	pod.Name, pod.Namespace = "admitted", d.Namespace
	return pod
}

// write writes a pod into a file for kubectl.
func write(t *testing.T, pod *corev1.Pod) string {
	t.Helper()
	text, err := json.Marshal(pod)
	need.NoError(t, err)
	path := filepath.Join(t.TempDir(), "pod.json")
	need.NoError(t, os.WriteFile(path, text, 0o644))
	return path
}

// kustomization writes a kustomization into a new folder beside that of the base, and returns the folder.
func kustomization(t *testing.T, manifests, name, text string) string {
	t.Helper()
	dir := filepath.Join(manifests, name)
	need.NoError(t, os.Mkdir(dir, 0o755))
	need.NoError(t, os.WriteFile(filepath.Join(dir, "kustomization.yaml"), []byte(text), 0o644))
	return dir
}

// copyManifests copies deploy and returns its folder, and in it those of the base and of every overlay: kustomize refuses files
// outside of its folder, and Bazel's runfiles are links to such.
func copyManifests(t *testing.T) (manifests string, folders []string) {
	t.Helper()
	manifests = filepath.Join(t.TempDir(), "deploy")
	if out, err := exec.Command("cp", "-RL", deploy, manifests).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	overlays, err := filepath.Glob(filepath.Join(manifests, "overlays", "*"))
	if err != nil || len(overlays) == 0 {
		t.Fatalf("no overlays in %s: %v", deploy, err)
	}
	return manifests, append([]string{filepath.Join(manifests, "base")}, overlays...)
}
