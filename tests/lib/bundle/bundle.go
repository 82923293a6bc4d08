// Package bundle makes what an OCI engine starts a container from: a root filesystem out of an OCI layout, and a
// config.json as the OCI Runtime Specification 1.x describes it.
package bundle

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Process is what an image says to start.
type Process struct {
	Args []string // entrypoint and command
	Env  []string // NAME=VALUE each
	UID  uint32
	GID  uint32
}

// Layout opens the OCI layout in the folder dir.
func Layout(dir string) (v1.ImageIndex, error) {
	// Bazel's sandbox has a link in the place of every file, which go-containerregistry takes for an attack. All of them lead
	// into one folder.
	index, err := filepath.EvalSymlinks(filepath.Join(dir, "index.json"))
	if err != nil {
		return nil, err
	}
	return layout.ImageIndexFromPath(filepath.Dir(index))
}

// Images returns the images of the OCI layout in the folder dir, then those of the indexes in it.
func Images(dir string) (images []v1.Image, err error) {
	top, err := Layout(dir)
	if err != nil {
		return nil, err
	}
	all := func(v1.Descriptor) bool { return true }
	indexes, err := partial.FindIndexes(top, all)
	for _, index := range append([]v1.ImageIndex{top}, indexes...) {
		found, wrong := partial.FindImages(index, all)
		images, err = append(images, found...), errors.Join(err, wrong)
	}
	if err == nil && len(images) == 0 {
		err = errors.New("no image")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	return images, nil
}

// Image returns the image for this machine's architecture from the OCI layout in the folder dir. A layout with a single image
// is taken whatever its architecture.
func Image(dir string) (v1.Image, error) {
	images, err := Images(dir)
	if err != nil {
		return nil, err
	}
	if len(images) == 1 {
		return images[0], nil
	}
	for _, image := range images {
		config, err := image.ConfigFile()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		if config.OS == "linux" && config.Architecture == runtime.GOARCH {
			return image, nil
		}
	}
	return nil, fmt.Errorf("%s: no image for linux/%s", dir, runtime.GOARCH)
}

// Unpack writes the root filesystem of the image that Image returns for layout into the folder dest, which must exist.
func Unpack(layout, dest string) (Process, error) {
	image, err := Image(layout)
	if err != nil {
		return Process{}, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return Process{}, fmt.Errorf("%s: %w", layout, err)
	}
	p := Process{Args: slices.Concat(file.Config.Entrypoint, file.Config.Cmd), Env: file.Config.Env}
	if len(p.Args) == 0 {
		return Process{}, fmt.Errorf("%s: the image has neither entrypoint nor command", layout)
	}
	// There is no passwd file in a pause image, so it can have no name.
	if _, err := fmt.Sscanf(file.Config.User, "%d:%d", &p.UID, &p.GID); err != nil {
		return Process{}, fmt.Errorf("%s: the image's user is %q; want UID:GID: %w", layout, file.Config.User, err)
	}
	root, err := os.OpenRoot(dest)
	if err != nil {
		return Process{}, err
	}
	defer root.Close()
	files := mutate.Extract(image)
	defer files.Close()
	for archive := tar.NewReader(files); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err == nil {
			err = write(root, header, archive)
		}
		if err != nil {
			return Process{}, fmt.Errorf("%s: %w", layout, err)
		}
	}
}

// write writes a member of a layer. A pause image has folders and files, and nothing else.
func write(root *os.Root, header *tar.Header, content io.Reader) error {
	name := filepath.Clean(header.Name)
	switch header.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeReg:
		data, err := io.ReadAll(content)
		return errors.Join(err, root.MkdirAll(filepath.Dir(name), 0o755), root.WriteFile(name, data, header.FileInfo().Mode().Perm()))
	}
	return fmt.Errorf("%s: type %q is not unpacked here", name, header.Typeflag)
}

// Options says what container Config describes.
type Options struct {
	Process Process
	Root    string // the root filesystem, absolute or relative to the bundle, mounted read-only; many can share one
	Netns   bool   // a network namespace of its own; else the caller's
	Cgroup  string // the container's cgroup as cgroupsPath has it; "": none asked for
	Proc    bool   // a /proc: runc does not start without
}

// Config returns a container as locked up as a Kubernetes pod sandbox: namespaces of its own, no capabilities, no new
// privileges, and nothing writable but the engine's /dev, for root alone and as small as can be.
func Config(o Options) *specs.Spec {
	namespaces := []specs.LinuxNamespace{
		{Type: specs.PIDNamespace}, {Type: specs.MountNamespace}, {Type: specs.IPCNamespace}, {Type: specs.UTSNamespace},
	}
	if o.Netns {
		namespaces = append(namespaces, specs.LinuxNamespace{Type: specs.NetworkNamespace})
	}
	// Without a /dev of its own, engines create device nodes in the image's root, and two that share it and start at once
	// collide.
	mounts := []specs.Mount{{
		Destination: "/dev", Type: "tmpfs", Source: "tmpfs",
		Options: []string{"nosuid", "noexec", "mode=755", "size=4k", "nr_inodes=32"},
	}}
	if o.Proc {
		mounts = append(mounts, specs.Mount{
			Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"},
		})
	}
	return &specs.Spec{
		Version: "1.0.2", // the newest that both runc 1.1 and crun 1.8 know
		Process: &specs.Process{
			User: specs.User{UID: o.Process.UID, GID: o.Process.GID},
			Args: o.Process.Args,
			Env:  o.Process.Env,

			Cwd:             "/",
			Capabilities:    &specs.LinuxCapabilities{},
			NoNewPrivileges: true,
		},
		Root:   &specs.Root{Path: o.Root, Readonly: true},
		Mounts: mounts,
		Linux:  &specs.Linux{Namespaces: namespaces, CgroupsPath: o.Cgroup},
	}
}
