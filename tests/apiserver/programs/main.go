// Command programs builds etcd and Kubernetes, for a cluster of one node, for tests/apiserver, from the Go modules that they are
// made of.
//
// Nobody publishes them where only a Go module proxy answers. Kubernetes' own module names its parts by a version that does
// not exist, v0.0.0, because they lie beside it in its repository; here they are replaced by the modules that are published
// of them. The checksum database verifies all of it, as go build does always.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"example.com/pause/tools/command"
	"example.com/pause/tools/command/stage"
)

// The release of Kubernetes, v1.37.2, of the API's module that go.mod has. The modules of its parts are those of v0.37.2.
const (
	minor   = "37"
	release = "." + minor + ".2"
)

const (
	kubernetes = "k8s.io/kubernetes"
	etcdServer = "go.etcd.io/etcd/server/v3"
	etcdClient = "go.etcd.io/etcd/client/v3"
)

func main() { newCommand().Main() }

func newCommand() *command.Command {
	c := &command.Command{
		Name: "programs",
		Call: "go run ./tests/apiserver/programs",
		Summary: "Builds etcd, kubectl and the daemons of Kubernetes from Go modules into the new folder OUTPUT, for tests/apiserver. It takes\n" +
			"20 minutes and more, four gigabytes of memory, and as much of disk in the go command's caches.",
		Arguments: "OUTPUT",
		Examples: []string{
			"go run ./tests/apiserver/programs ~/kubernetes",
			"./bazelw test //tests/apiserver:apiserver_test --test_env=KUBEBUILDER_ASSETS=$HOME/kubernetes",
		},
	}
	c.Run = func(ctx context.Context, args []string, stdout io.Writer) error {
		return stage.Dir(args[0], func(dir string) error { return build(ctx, dir, stdout) })
	}
	return c
}

// build puts the programs into dir.
func build(ctx context.Context, dir string, stdout io.Writer) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "programs-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)

	const version = "v1" + release
	fmt.Fprintf(stdout, "fetching %s@%s\n", kubernetes, version)
	var source struct{ Dir string }
	listing, err := run(ctx, work, "mod", "download", "-json", kubernetes+"@"+version)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(listing, &source); err != nil {
		return err
	}
	// The go command reads kubernetes.mod instead of go.mod, and kubernetes.sum beside it, which it has to make.
	file := filepath.Join(work, "kubernetes.mod")
	etcdVersion, err := published(ctx, source.Dir, file)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "building kubectl and the daemons of Kubernetes")
	const versionPackage = "k8s.io/component-base/version"
	if _, err := run(ctx, source.Dir, "build", "-modfile="+file, "-mod=mod", "-trimpath",
		"-ldflags=-s -w -X "+versionPackage+".gitVersion="+version+" -X "+versionPackage+".gitMajor=1 -X "+versionPackage+".gitMinor="+minor,
		"-o", dir, "./cmd/kubectl", "./cmd/kube-apiserver", "./cmd/kube-controller-manager", "./cmd/kube-scheduler", "./cmd/kubelet"); err != nil {
		return err
	}

	fmt.Fprintf(stdout, "building etcd %s\n", etcdVersion)
	etcd := filepath.Join(work, "etcd")
	if err := os.Mkdir(etcd, 0o755); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"mod", "init", "etcd"},
		{"get", etcdServer + "@" + etcdVersion},
		{"build", "-mod=mod", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "etcd"), etcdServer},
	} {
		if _, err := run(ctx, etcd, args...); err != nil {
			return err
		}
	}
	return nil
}

// published writes to file the go.mod of Kubernetes in folder source, with its parts replaced by the modules that are published
// of them, and returns the version of etcd's client that it has.
func published(ctx context.Context, source, file string) (etcd string, err error) {
	content, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, content, 0o644); err != nil {
		return "", err
	}
	listing, err := run(ctx, source, "mod", "edit", "-json", file)
	if err != nil {
		return "", err
	}
	var module struct {
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal(listing, &module); err != nil {
		return "", err
	}
	edit := []string{"mod", "edit"}
	for _, require := range module.Require {
		switch {
		case require.Version == "v0.0.0" && strings.HasPrefix(require.Path, "k8s.io/"):
			edit = append(edit, "-replace="+require.Path+"="+require.Path+"@v0"+release)
		case require.Path == etcdClient:
			etcd = require.Version
		}
	}
	if etcd == "" {
		return "", fmt.Errorf("%s does not require %s; this command does not know its parts", kubernetes, etcdClient)
	}
	_, err = run(ctx, source, append(edit, file)...)
	return etcd, err
}

// run runs the go command in a folder and returns what it printed. No setting of the caller's workspace counts.
func run(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, lines[len(lines)-1])
	}
	return out, nil
}
