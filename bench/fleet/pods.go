package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sys/unix"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"example.com/pause/tests/lib/bundle"
	"example.com/pause/tests/lib/jail"
	"example.com/pause/tests/lib/pods"
	"example.com/pause/tests/lib/proc"
	"example.com/pause/tools/layer"
)

const (
	daemonPatience = 30 * time.Second // how long containerd may take to be ready
	podPatience    = 2 * time.Minute  // how long it may take for one request
)

// maxPods is how many ports a bridge has (BR_MAX_PORTS), less one that the kernel numbers 0 and some for a pod that ends.
const maxPods = 1000

// startContainerd starts containerd, with its state in memory and the image, or the program, as its sandbox image.
func (f *fleet) startContainerd() error {
	archive := filepath.Join(f.dir, "image.tar")
	if err := f.writeImage(archive); err != nil {
		return err
	}
	_, major, err := pods.Version(f.Engine)
	if err != nil {
		return err
	}
	sandbox, err := pods.Settings(major)
	if err != nil {
		return err
	}
	// Where shims and CNI plugins write cannot be configured: sockets, network namespaces, a cache.
	if f.dir != "/run" {
		if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount a tmpfs on /run: %w", err)
		}
	}
	if err := errors.Join(jail.Scratch("/opt"), jail.Scratch("/var/lib")); err != nil {
		return err
	}
	config := pods.Config{Dir: filepath.Join(f.dir, "state"), Sandbox: sandbox}
	path, err := config.Write(major)
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(f.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(f.Engine, "--config", path, "--log-level", "warn")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	f.daemon = proc.PID(cmd.Process.Pid)
	ctx, cancel := context.WithTimeout(context.Background(), daemonPatience)
	defer cancel()
	go func() {
		cmd.Wait()
		cancel() // nothing can be waited for any more
	}()
	if f.pods, err = pods.Dial(config.Socket()); err != nil {
		return err
	}
	if err := f.pods.AwaitCondition(ctx, cri.RuntimeReady); err != nil {
		return withLog(err, log.Name())
	}
	said, err := exec.Command("ctr", "--address", config.Socket(), "--namespace", "k8s.io", "images", "import", archive).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ctr images import: %w: %s", err, bytes.TrimSpace(said))
	}
	_, err = f.pods.AwaitImage(ctx)
	if err == nil && f.Netns {
		err = errors.Join(config.AddNetwork(), f.pods.AwaitCondition(ctx, cri.NetworkReady))
	}
	return err
}

// writeImage writes an archive of the image in the layout or, around a program, one as example/BUILD.bazel makes it.
func (f *fleet) writeImage(archive string) error {
	tag, err := name.NewTag(pods.Reference)
	if err != nil {
		return err
	}
	if f.Layout != "" {
		image, err := bundle.Image(f.Layout)
		if err != nil {
			return err
		}
		return tarball.WriteToFile(archive, tag, image)
	}
	content, err := layer.Tar(strings.TrimPrefix(f.process.Args[0], "/"), f.Program)
	if err != nil {
		return err
	}
	config := v1.Config{Entrypoint: f.process.Args, User: fmt.Sprintf("%d:%d", f.process.UID, f.process.GID)}
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{
		OS: "linux", Architecture: runtime.GOARCH, Config: config, RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return err
	}
	if image, err = mutate.AppendLayers(image, static.NewLayer(content, types.OCIUncompressedLayer)); err != nil {
		return err
	}
	return tarball.WriteToFile(archive, tag, image)
}

// startPod starts a pod as the kubelet does, in a cgroup of its own, and sets its id and the PID of its sandbox.
func (f *fleet) startPod(_ worker, c *container) error {
	ctx, cancel := context.WithTimeout(context.Background(), podPatience)
	defer cancel()
	network := cri.NamespaceMode_NODE
	if f.Netns {
		network = cri.NamespaceMode_POD
	}
	config := pods.Sandbox(c.id, network, &cri.SecurityProfile{ProfileType: cri.SecurityProfile_RuntimeDefault})
	config.Linux.CgroupParent = f.Tree + "/" + c.id
	ran, err := f.pods.Runtime.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: config})
	if err != nil {
		return err
	}
	c.id = ran.PodSandboxId
	_, pid, err := f.pods.Pod(ctx, c.id)
	c.pid = int(pid)
	return err
}

func (f *fleet) stopPod(c container) error {
	ctx, cancel := context.WithTimeout(context.Background(), podPatience)
	defer cancel()
	_, err := f.pods.Runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: c.id})
	if err == nil && !gone(c.pid) {
		err = fmt.Errorf("PID %d runs on after its pod %s has stopped", c.pid, c.id)
	}
	return err
}

func (f *fleet) removePod(c container) error {
	ctx, cancel := context.WithTimeout(context.Background(), podPatience)
	defer cancel()
	_, err := f.pods.Runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: c.id})
	return err
}

// daemonMemory returns the memory of containerd in bytes, and 0 without.
func (f *fleet) daemonMemory() int64 {
	if !f.Pods {
		return 0
	}
	bytes, err := f.daemon.Anonymous()
	if err != nil {
		f.fail(fmt.Errorf("containerd: %w", err))
	}
	return bytes
}

// podMemory returns what memory of each pod is in processes. grown are the bytes that containerd has grown by, with all.
func (f *fleet) podMemory(grown int64) *Pod {
	each := func(bytes int64) float64 { return float64(bytes) / 1024 / float64(len(f.asleep)) }
	var pause, shims int64
	for _, c := range f.asleep {
		bytes, err := proc.PID(c.pid).Anonymous()
		if err != nil {
			f.fail(fmt.Errorf("%s: %w", c.id, err))
		}
		pause += bytes
	}
	// All processes of this namespace are of this fleet.
	for _, pid := range proc.Named("containerd-shim") {
		bytes, _ := pid.Anonymous() // or it has ended
		shims += bytes
	}
	return &Pod{Pause: each(pause), Shim: each(shims), Containerd: each(grown)}
}
