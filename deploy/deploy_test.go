// Package deploy checks the manifests in this folder as a cluster would: expanded by kustomize, valid for the Kubernetes
// release of k8s.io/api in go.mod, and admitted by Pod Security admission at the level restricted.
package deploy

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"example.com/pause/tests/lib/need"
)

// overlays are the components, each with base alone.
var overlays = []string{
	"overlays/fleet", "overlays/istio", "overlays/linkerd", "overlays/placeholder", "overlays/scheduler", "overlays/seccomp",
}

// combined are components together, as docs/deploy.md combines them; kustomize takes no plus sign in a folder's name.
var combined = []string{"fleet-istio", "fleet-linkerd", "fleet-seccomp"}

// has reports whether what is built from a folder has the component. The one for scheduler tests has the fleet in it.
func has(folder, component string) bool {
	components := strings.Split(path.Base(folder), "-")
	return slices.Contains(components, component) || component == "fleet" && slices.Contains(components, "scheduler")
}

// each runs a subtest for what kustomize makes of each folder.
func each(t *testing.T, test func(t *testing.T, folder string, r *resources)) {
	t.Helper()
	for _, folder := range slices.Concat([]string{"base"}, overlays, combined) {
		t.Run(folder, func(t *testing.T) { test(t, folder, build(t, folder)) })
	}
}

// resources are what kustomize makes of a folder: one object of each kind, but of a kind that is not there.
type resources struct {
	deployment appsv1.Deployment
	namespace  corev1.Namespace
	class      schedulingv1.PriorityClass
	seen       []string // kinds, with their versions
}

// add reads an object as the API server does with strict field validation; it returns what the server would refuse.
func (r *resources) add(text []byte) error {
	var id metav1.TypeMeta
	if err := json.UnmarshalCaseSensitivePreserveInts(text, &id); err != nil {
		return err
	}
	kind := id.APIVersion + " " + id.Kind
	object := map[string]any{
		"apps/v1 Deployment":                 &r.deployment,
		"scheduling.k8s.io/v1 PriorityClass": &r.class,
		"v1 Namespace":                       &r.namespace,
	}[kind]
	if object == nil || slices.Contains(r.seen, kind) {
		return fmt.Errorf("%s is not a kind that is used here, or used twice", kind)
	}
	r.seen = append(r.seen, kind)
	unknown, err := json.UnmarshalStrict(text, object)
	return errors.Join(append(unknown, err)...)
}

// build returns what kustomize makes of a folder. The test fails if an API server would not read it.
func build(t *testing.T, folder string) *resources {
	t.Helper()
	kustomization := "resources: [deploy/" + folder + "]\n"
	if slices.Contains(combined, folder) {
		kustomization = "resources: [deploy/base]\ncomponents:\n"
		for component := range strings.SplitSeq(folder, "-") {
			kustomization += "  - deploy/components/" + component + "\n"
		}
	}
	return read(t, kustomize(t, kustomization))
}

// kustomize returns what kustomize makes of a kustomization in the folder that deploy is in.
func kustomize(t *testing.T, kustomization string) resmap.ResMap {
	t.Helper()
	// In memory, because kustomize refuses files outside of its folder, and Bazel's runfiles are links to such.
	disk := filesys.MakeFsInMemory()
	for _, pattern := range []string{"base/*.yaml", "components/*/*.yaml", "overlays/*/*.yaml"} {
		files, err := filepath.Glob(pattern)
		need.NoError(t, err)
		for _, file := range files {
			content, err := os.ReadFile(file)
			need.NoError(t, err)
			need.NoError(t, disk.WriteFile("/deploy/"+file, content))
		}
	}
	need.NoError(t, disk.WriteFile("/kustomization.yaml", []byte(kustomization)))
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, "/")
	need.NoError(t, err)
	return objects
}

// read reads objects as the API server does. The test fails if it would not.
func read(t *testing.T, objects resmap.ResMap) *resources {
	t.Helper()
	var r resources
	for _, object := range objects.Resources() {
		text, err := object.MarshalJSON()
		need.NoError(t, err)
		if err := r.add(text); err != nil {
			t.Errorf("%s: %v", object.CurId(), err)
		}
	}
	return &r
}

// page returns what kustomize makes of the kustomization in docs/deploy.md that has the folder as its resource.
func page(t *testing.T, folder string) *resources {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "deploy.md"))
	need.NoError(t, err)
	for block := range strings.SplitSeq(string(text), "\n\n") {
		if strings.HasPrefix(block, "    apiVersion: kustomize.config.k8s.io/") && slices.Contains(strings.Fields(block), "deploy/"+folder) {
			return read(t, kustomize(t, strings.ReplaceAll(block, "\n    ", "\n")[len("    "):]))
		}
	}
	t.Fatalf("docs/deploy.md has no kustomization of deploy/%s", folder)
	return nil
}

// TestValid: every object is of a kind that is known, has no field that Kubernetes does not know and none of a wrong type,
// and the Deployment selects the pods that it makes, whose priority class is there. What else a server refuses, tests/apiserver finds.
func TestValid(t *testing.T) {
	each(t, func(t *testing.T, folder string, r *resources) {
		want := []string{"v1 Namespace", "apps/v1 Deployment"}
		if has(folder, "fleet") || has(folder, "placeholder") {
			want = append(want, "scheduling.k8s.io/v1 PriorityClass")
		}
		slices.Sort(want)
		if got := slices.Sorted(slices.Values(r.seen)); !slices.Equal(got, want) {
			t.Errorf("there are %q, want %q", got, want)
		}
		spec := r.deployment.Spec
		if selector, err := metav1.LabelSelectorAsSelector(spec.Selector); err != nil || selector.Empty() ||
			!selector.Matches(labels.Set(spec.Template.Labels)) {
			t.Errorf("the selector %v does not match the pods' labels %v: %v", spec.Selector, spec.Template.Labels, err)
		}
		if class := spec.Template.Spec.PriorityClassName; class != r.class.Name {
			t.Errorf("the pods' priority class is %q, want %q", class, r.class.Name)
		}
	})
}

// TestRestricted: the namespace enforces Pod Security's level restricted, and the pods are admitted at that level, by the
// rules of the newest release that the library knows.
func TestRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	need.NoError(t, err)
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	each(t, func(t *testing.T, _ string, r *resources) {
		if got := r.namespace.Labels[api.EnforceLevelLabel]; got != string(api.LevelRestricted) {
			t.Errorf("the namespace enforces %q, want %q", got, api.LevelRestricted)
		}
		if r.deployment.Namespace != r.namespace.Name {
			t.Errorf("the pods are in the namespace %q, want %q", r.deployment.Namespace, r.namespace.Name)
		}
		template := &r.deployment.Spec.Template
		verdict := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &template.ObjectMeta, &template.Spec))
		if !verdict.Allowed {
			t.Errorf("not admitted: %s", verdict.ForbiddenDetail())
		}
		// What the level leaves open.
		for _, container := range template.Spec.Containers {
			if c := container.SecurityContext; c == nil || c.ReadOnlyRootFilesystem == nil || !*c.ReadOnlyRootFilesystem {
				t.Errorf("the root of container %s can be written", container.Name)
			}
		}
	})
}

// TestAnywhere: a pod goes to nodes that run Linux, and names no user, which OpenShift takes from the range of the namespace, and
// everybody else from the image.
func TestAnywhere(t *testing.T) {
	each(t, func(t *testing.T, _ string, r *resources) {
		pod := r.deployment.Spec.Template.Spec
		if got := pod.NodeSelector[corev1.LabelOSStable]; got != string(corev1.Linux) {
			t.Errorf("the pods want nodes with the system %q, want %q", got, corev1.Linux)
		}
		if c := pod.SecurityContext; c.RunAsUser != nil || c.RunAsGroup != nil || c.FSGroup != nil || c.SupplementalGroups != nil {
			t.Errorf("the pods name a user or a group: %v", c)
		}
		for _, container := range pod.Containers {
			if c := container.SecurityContext; c.RunAsUser != nil || c.RunAsGroup != nil {
				t.Errorf("the container %s names a user or a group: %v", container.Name, c)
			}
		}
	})
}

// TestLean: a pod has no token, no environment variables for services, an image by digest, small requests unless they are what it
// is for, and a grace period that is short unless a proxy needs it.
func TestLean(t *testing.T) {
	each(t, func(t *testing.T, folder string, r *resources) {
		pod := r.deployment.Spec.Template
		if token := pod.Spec.AutomountServiceAccountToken; token == nil || *token {
			t.Error("the pod mounts a service account's token")
		}
		if links := pod.Spec.EnableServiceLinks; links == nil || *links {
			t.Error("the pod gets environment variables for services")
		}
		most := int64(5)
		if has(folder, "istio") || has(folder, "linkerd") { // a proxy drains its connections
			most = 30
		}
		if grace := pod.Spec.TerminationGracePeriodSeconds; grace == nil || *grace < 1 || *grace > most {
			t.Errorf("the grace period is not set, or not between 1 and %d s", most)
		}
		for _, container := range pod.Spec.Containers {
			if !strings.Contains(container.Image, "@sha256:") {
				t.Errorf("the image %q is not named by digest", container.Image)
			}
			if requests := container.Resources.Requests; !has(folder, "placeholder") && (requests.Cpu().MilliValue() != 1 || requests.Memory().Value() > 1<<20) {
				t.Errorf("the container requests %v of CPU and %v of memory", requests.Cpu(), requests.Memory())
			}
		}
	})
}

// cutoff is the default of the Cluster Autoscaler's --expendable-pods-priority-cutoff: for pods below it, it adds no node.
const cutoff = -10

// TestFleet: the fleet preempts nobody, anything else preempts it, no node is added for it, and a roll-out needs no room for
// more.
func TestFleet(t *testing.T) {
	r := build(t, "overlays/fleet")
	class, d := &r.class, &r.deployment
	if class.Value >= cutoff || class.PreemptionPolicy == nil || *class.PreemptionPolicy != corev1.PreemptNever {
		t.Errorf("the priority class has the value %d, which is not below %d, or preempts others", class.Value, cutoff)
	}
	if *d.Spec.Replicas < 1000 {
		t.Errorf("the fleet has %d pods, want thousands", *d.Spec.Replicas)
	}
	if surge := d.Spec.Strategy.RollingUpdate.MaxSurge; surge.IntValue() != 0 {
		t.Errorf("a roll-out needs room for %v more", surge)
	}
	if affinity := d.Spec.Template.Spec.Affinity; affinity != nil && affinity.PodAntiAffinity != nil {
		t.Error("anti-affinity between thousands of pods")
	}
	for _, spread := range d.Spec.Template.Spec.TopologySpreadConstraints {
		if spread.WhenUnsatisfiable != corev1.ScheduleAnyway {
			t.Error("spreading keeps pods pending")
		}
	}
}

// TestScheduler: docs/deploy.md says which scheduler places the pods, and they ask it for nothing that makes it count others.
func TestScheduler(t *testing.T) {
	pod := page(t, "overlays/scheduler").deployment.Spec.Template.Spec
	if pod.SchedulerName != "my-scheduler" {
		t.Errorf("the scheduler is %q, want the one of docs/deploy.md", pod.SchedulerName)
	}
	if pod.TopologySpreadConstraints != nil || pod.Affinity != nil {
		t.Errorf("the pods are spread by %v and %v", pod.TopologySpreadConstraints, pod.Affinity)
	}
}

// TestPlaceholder: the Cluster Autoscaler adds nodes for placeholder pods; every pod without a priority preempts them, and they
// preempt the fleet; no roll-out needs room for more; and they request what docs/deploy.md says, below any limit.
func TestPlaceholder(t *testing.T) {
	r := build(t, "overlays/placeholder")
	class, d := &r.class, &r.deployment
	// The autoscaler takes what is below the cutoff for room, and so adds no node where the pods have to preempt it.
	if policy := class.PreemptionPolicy; class.Value < cutoff || class.Value >= 0 || policy == nil || *policy != corev1.PreemptLowerPriority {
		t.Errorf("the priority is %d, want %d to -1; or the pods preempt nothing", class.Value, cutoff)
	}
	if got := d.Spec.Strategy.Type; got != appsv1.RecreateDeploymentStrategyType {
		t.Errorf("a roll-out is a %s, which may need room for more", got)
	}
	r = page(t, "overlays/placeholder")
	if got := *r.deployment.Spec.Replicas; got != 3 {
		t.Errorf("there are %d pods, want the 3 of docs/deploy.md", got)
	}
	resources := r.deployment.Spec.Template.Spec.Containers[0].Resources
	if cpu, memory := resources.Requests.Cpu(), resources.Requests.Memory(); cpu.String() != "2" || memory.String() != "4Gi" {
		t.Errorf("a pod requests %v of CPU and %v of memory, want those of docs/deploy.md", cpu, memory)
	}
	for name, limit := range resources.Limits {
		if limit.Cmp(resources.Requests[name]) < 0 {
			t.Errorf("the limit of %s is %v, below the request: the API server refuses the pod", name, &limit)
		}
	}
}

// TestBeside: placeholder pods and those of any other overlay can be in one cluster: they share no object, and neither Deployment
// selects pods of the other.
func TestBeside(t *testing.T) {
	placeholder := build(t, "overlays/placeholder").deployment
	each(t, func(t *testing.T, folder string, r *resources) {
		if has(folder, "placeholder") || slices.Contains(combined, folder) {
			return
		}
		// Kustomize refuses an object that is there twice.
		kustomize(t, "resources: [deploy/overlays/placeholder, deploy/"+folder+"]\n")
		for _, pair := range [][2]*appsv1.Deployment{{&placeholder, &r.deployment}, {&r.deployment, &placeholder}} {
			selector, err := metav1.LabelSelectorAsSelector(pair[0].Spec.Selector)
			need.NoError(t, err)
			if selector.Matches(labels.Set(pair[1].Spec.Template.Labels)) {
				t.Errorf("%s selects the pods of %s", pair[0].Name, pair[1].Name)
			}
		}
	})
}

// TestPage: the first kustomization of docs/deploy.md is one that a server takes, and says how many pods there are.
func TestPage(t *testing.T) {
	if got := *page(t, "base").deployment.Spec.Replicas; got != 50 {
		t.Errorf("there are %d pods, want 50", got)
	}
}

// TestComponents: what a folder is built from shows in its pods, and nothing else does: the fleet's priority, the marks by
// which a mesh injects its proxy, and the shipped seccomp profile.
func TestComponents(t *testing.T) {
	each(t, func(t *testing.T, folder string, r *resources) {
		pod := r.deployment.Spec.Template
		seccomp := pod.Spec.SecurityContext.SeccompProfile
		for component, there := range map[string]bool{
			"fleet":       pod.Spec.PriorityClassName == "pause-fleet",
			"istio":       pod.Labels["sidecar.istio.io/inject"] == "true",
			"linkerd":     pod.Annotations["linkerd.io/inject"] == "enabled",
			"placeholder": pod.Spec.PriorityClassName == "pause-placeholder",
			"scheduler":   pod.Spec.SchedulerName != "",
			"seccomp":     seccomp.Type == corev1.SeccompProfileTypeLocalhost && *seccomp.LocalhostProfile == "pause.json",
		} {
			if want := has(folder, component); there != want {
				t.Errorf("%s: %v, want %v", component, there, want)
			}
		}
	})
}

// TestSandbox: the file of each engine names the image that docs/deploy.md pushes, under the key that the engine reads.
func TestSandbox(t *testing.T) {
	for file, want := range map[string]string{
		"containerd-1.toml": `version = 2

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.example.com/pause:1.0"
`,
		"containerd-2.toml": `version = 3

[plugins."io.containerd.cri.v1.images".pinned_images]
  sandbox = "registry.example.com/pause:1.0"
`,
		"crio.conf": `[crio.image]
pause_image = "registry.example.com/pause:1.0"
pinned_images = ["registry.example.com/pause:1.0"]
`,
		"k3s.yaml": "pause-image: registry.example.com/pause:1.0\n",
	} {
		content, err := os.ReadFile(filepath.Join("sandbox", file))
		need.NoError(t, err)
		if got := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(string(content), ""); got != want {
			t.Errorf("the settings in %s are\n%swant\n%s", file, got, want)
		}
	}
}
