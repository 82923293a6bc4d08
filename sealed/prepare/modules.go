package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// module is a line of go_modules.txt.
type module struct {
	folder, path, version, sum string
}

func readModules(file string) (out []module, err error) {
	all, err := lines(file)
	for _, line := range all {
		f := strings.Fields(line)
		if len(f) != 4 || !strings.HasPrefix(f[3], "h1:") {
			return nil, fmt.Errorf("%s: %q is not: folder module version h1:checksum", file, line)
		}
		out = append(out, module{f[0], f[1], f[2], f[3]})
	}
	return out, err
}

// fetchModules brings the Go modules of go_modules.txt into dir, each in its folder, in the form that Bazel wants.
func (p *preparation) fetchModules(ctx context.Context, modules []module, dir string) error {
	// The go command looks for a go.mod; an empty folder keeps it away from the repository's.
	scratch, err := os.MkdirTemp("", "bazelw-modules-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	for _, m := range modules {
		p.say("fetching %s %s", m.path, m.version)
		source, err := downloadModule(ctx, m, scratch)
		if err != nil {
			return err
		}
		target := filepath.Join(dir, m.folder)
		if err := os.CopyFS(target, os.DirFS(source)); err != nil {
			return err
		}
		// Module zips carry no permissions. As Bazel does with archives, everything becomes executable.
		if out, err := exec.CommandContext(ctx, "chmod", "-R", "a+x", target).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %s", target, lastLine(err, out))
		}
	}
	if err := replaceDownload(filepath.Join(dir, "rules_go/go/private/sdk.bzl")); err != nil {
		return err
	}
	// What only their own tests and examples need.
	for _, unused := range []string{"rules_go/examples", "rules_go/tests", "gazelle/tests"} {
		if err := os.RemoveAll(filepath.Join(dir, unused)); err != nil {
			return err
		}
	}
	return vendorGazelle(ctx, filepath.Join(dir, "gazelle"))
}

// downloadModule returns the folder of the module cache that holds m, after its checksum was compared with the pinned one;
// the go command has compared it with the checksum database.
func downloadModule(ctx context.Context, m module, scratch string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", m.path+"@"+m.version)
	cmd.Dir = scratch
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "GO111MODULE=on")
	out, err := cmd.Output()
	var answer struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out, &answer); jsonErr != nil || answer.Error != "" || err != nil {
		why, _, _ := strings.Cut(strings.TrimSpace(answer.Error), "\n")
		if why == "" {
			why = lastLine(err, nil)
		}
		return "", fmt.Errorf("the Go module proxy does not give %s %s (%s); check the network and `go env GOPROXY`", m.path, m.version, why)
	}
	if answer.Sum != m.sum {
		return "", fmt.Errorf("%s %s has the checksum %s, but sealed/go_modules.txt pins %s; do not use this proxy", m.path, m.version, answer.Sum, m.sum)
	}
	return answer.Dir, nil
}

// vendorGazelle restores what the zips of Gazelle's two modules leave out, and what Gazelle builds its repository tools from:
// the folder vendor, and in v2 an empty go.sum, which was added after the version that Gazelle itself takes.
func vendorGazelle(ctx context.Context, dir string) error {
	if err := touch(filepath.Join(dir, "v2/go.sum")); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "work", "vendor")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=", "GO111MODULE=on")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the Go module proxy does not give what Gazelle needs (%s); check the network and `go env GOPROXY`", lastLine(err, out))
	}
	return nil
}

// writeBazelrc writes the part of the sealed configuration that depends on where the root is.
// final is the folder that dir will be renamed to.
func (p *preparation) writeBazelrc(dir, final string) error {
	java, err := filepath.Glob(filepath.Join(dir, "rootfs/usr/lib/jvm/java-*-openjdk-amd64/bin/java"))
	if err != nil || len(java) == 0 {
		return fmt.Errorf("the sealed root has no Java runtime; sealed/packages.txt must name the one that bazel-bootstrap uses")
	}
	javabase := strings.TrimPrefix(filepath.Dir(filepath.Dir(java[len(java)-1])), filepath.Join(dir, "rootfs"))
	share := final + "/rootfs/usr/share/bazel"
	var rc strings.Builder
	rc.WriteString("# Written by sealed/prepare; sealed/bazelrc has the rest.\n")
	// In quotes, because a path may have spaces in it, and Bazel splits lines at them.
	fmt.Fprintf(&rc, "startup %q\n", "--server_javabase="+javabase)
	// The same path inside the root and on the machine, so that links into it work for `bazelw run`, too.
	fmt.Fprintf(&rc, "startup %q\nstartup --trust_install_base\n", "--install_base="+share)
	// It goes with the root, because what Bazel has fetched has links into it.
	fmt.Fprintf(&rc, "startup %q\n", "--output_user_root="+final+outputSuffix)
	for name, path := range map[string]string{
		"bazel_features": "tools/features", "bazel_lib": "tools/bazel_lib", "bazel_skylib": "tools/skylib", "platforms": "tools/platforms",
		"rules_cc": "rules/cc", "rules_java": "rules/java", "rules_license": "rules/license", "rules_proto": "rules/proto",
		"rules_python": "rules/python", "rules_shell": "rules/shell",
	} {
		fmt.Fprintf(&rc, "common %q\n", "--override_module="+name+"="+share+"/"+path)
	}
	// Modules that others name and nothing here uses.
	unused := []string{"apple_support", "protobuf", "zlib"}
	for _, name := range unused {
		file := filepath.Join(dir, name, "MODULE.bazel")
		if err := errors.Join(os.Mkdir(filepath.Dir(file), 0o755), os.WriteFile(file, fmt.Appendf(nil, "module(name = %q)\n", name), 0o644)); err != nil {
			return err
		}
	}
	for _, name := range append(unused, "rules_go", "gazelle") {
		fmt.Fprintf(&rc, "common %q\n", "--override_module="+name+"="+final+"/"+name)
	}
	// With the root, so that BAZELW_CACHE moves all that sealed mode keeps.
	fmt.Fprintf(&rc, "common %q\n", "--disk_cache="+filepath.Join(p.cache, "disk_cache"))
	rc.WriteString("common --config=sealed\n")
	return os.WriteFile(filepath.Join(dir, "bazelrc"), []byte(rc.String()), 0o644)
}
