// Package bundle makes what an OCI engine starts a container from: a root filesystem out of an OCI layout, and a
// config.json as the OCI Runtime Specification 1.x describes it.
package bundle

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"

	"example.com/pause/tools/oci"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Process is what an image says to start.
type Process struct {
	Args []string // entrypoint and command
	Env  []string // NAME=VALUE each
	UID  uint32
	GID  uint32
}

// Unpack writes the root filesystem of the image for this machine's architecture, from the OCI layout in the folder
// layout, into the folder dest, which must exist. A layout with a single image is taken whatever its architecture.
func Unpack(layout, dest string) (Process, error) {
	l, err := oci.Open(layout)
	if err != nil {
		return Process{}, err
	}
	image, err := l.Only()
	if err != nil {
		return Process{}, err
	}
	if image.Kind == oci.Index {
		platform := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
		if runtime.GOARCH == "arm" {
			platform.Variant = "v7"
		}
		if image, err = image.Select(platform); err != nil {
			return Process{}, err
		}
	}
	var config v1.Image
	if err := json.Unmarshal(image.ConfigRaw, &config); err != nil {
		return Process{}, fmt.Errorf("%s: config: %w", layout, err)
	}
	p := Process{Args: append(config.Config.Entrypoint, config.Config.Cmd...), Env: config.Config.Env}
	if len(p.Args) == 0 {
		return Process{}, fmt.Errorf("%s: the image has neither entrypoint nor command", layout)
	}
	if p.UID, p.GID, err = ParseUser(config.Config.User); err != nil {
		return Process{}, fmt.Errorf("%s: %w", layout, err)
	}
	root, err := os.OpenRoot(dest)
	if err != nil {
		return Process{}, err
	}
	defer root.Close()
	for _, layer := range image.Layers {
		blob, err := l.Blob(layer.Digest)
		if err != nil {
			return Process{}, err
		}
		err = apply(root, layer.MediaType, blob)
		blob.Close()
		if err != nil {
			return Process{}, fmt.Errorf("%s: layer %s: %w", layout, layer.Digest, err)
		}
	}
	return p, nil
}

// ParseUser reads UID or UID:GID. Names are an error: there is no passwd file in a pause image. "" is root.
func ParseUser(user string) (uid, gid uint32, err error) {
	if user == "" {
		return 0, 0, nil
	}
	u, g, hasGroup := strings.Cut(user, ":")
	if !hasGroup {
		g = "0"
	}
	uid64, err := strconv.ParseUint(u, 10, 32)
	gid64, err2 := strconv.ParseUint(g, 10, 32)
	if err := errors.Join(err, err2); err != nil {
		return 0, 0, fmt.Errorf("user %q is not numeric UID[:GID]", user)
	}
	return uint32(uid64), uint32(gid64), nil
}

func apply(root *os.Root, mediaType string, blob io.Reader) error {
	switch {
	case strings.HasSuffix(mediaType, "gzip"):
		unzipped, err := gzip.NewReader(blob)
		if err != nil {
			return err
		}
		blob = unzipped
	case !strings.HasSuffix(mediaType, "tar"):
		return fmt.Errorf("media type %s: only tar, plain or gzip, is unpacked here", mediaType)
	}
	for archive := tar.NewReader(blob); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path.Clean("/"+header.Name), "/")
		if strings.HasPrefix(path.Base(name), ".wh.") {
			return fmt.Errorf("%s: whiteouts are not unpacked here", header.Name)
		}
		if dir := path.Dir(name); dir != "." {
			if err := root.MkdirAll(dir, 0o755); err != nil {
				return err
			}
		}
		switch header.Typeflag {
		case tar.TypeDir:
			if name == "" {
				continue
			}
			err = root.MkdirAll(name, 0o755)
		case tar.TypeReg:
			err = write(root, name, archive, header.FileInfo().Mode().Perm())
		case tar.TypeSymlink:
			err = root.Symlink(header.Linkname, name)
		default:
			err = fmt.Errorf("%s: type %q is not unpacked here", header.Name, header.Typeflag)
		}
		if err != nil {
			return err
		}
	}
}

func write(root *os.Root, name string, content io.Reader, mode os.FileMode) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
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
