package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// findMirror returns the address of a Debian mirror that this machine's APT uses.
func findMirror(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Label: Debian").Output()
	if err != nil {
		return "", fmt.Errorf("apt-get names no mirror of Debian (%w); this command runs on Debian", err)
	}
	mirror, _, _ := strings.Cut(string(out), "\n")
	if mirror == "" {
		return "", errors.New("APT has no list of Debian's packages; run apt-get update")
	}
	return mirror, nil
}

// file returns the file in dir whose name begins with prefix, of a package or the newest kernel that it depends on. It
// downloads the package the first time, with the APT that begin gives.
func file(begin func() (apt, error), dir, pack, prefix string) (string, error) {
	file := filepath.Join(dir, prefix)
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	a, err := begin()
	if err != nil {
		return "", err
	}
	if pack, err = a.newest(pack); err != nil {
		return "", err
	}
	if err := a.run("apt-get", "-qq", "download", pack); err != nil {
		return "", err
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(archives) != 1 {
		return "", fmt.Errorf("apt-get downloaded %d packages for %s; remove %s and try again", len(archives), pack, dir)
	}
	defer os.Remove(archives[0])
	return file, extract(a.ctx, archives[0], file)
}

// apt runs APT for another architecture and release than the machine's, in a folder of its own.
type apt struct {
	ctx     context.Context
	dir     string
	options []string
}

func newAPT(ctx context.Context, m machine, mirror, dir string) (apt, error) {
	for _, folder := range []string{"state/lists/partial", "cache/archives/partial", "none"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			return apt{}, err
		}
	}
	const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
	source := fmt.Sprintf("deb [signed-by=%s] %s %s main\n", keyring, mirror, m.suite)
	for name, content := range map[string]string{"sources.list": source, "status": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return apt{}, err
		}
	}
	a := apt{ctx: ctx, dir: dir}
	for name, value := range map[string]string{
		"APT::Architecture": m.debian, "APT::Architectures": m.debian, "APT::Sandbox::User": "root",
		"Dir::State": dir + "/state", "Dir::State::status": dir + "/status", "Dir::Cache": dir + "/cache",
		"Dir::Etc::sourcelist": dir + "/sources.list", "Dir::Etc::sourceparts": dir + "/none",
		"Acquire::Languages": "none",
		// A mirror may be a copy of a day; signatures are checked all the same.
		"Acquire::Check-Valid-Until": "false",
	} {
		a.options = append(a.options, "-o", name+"="+value)
	}
	return a, a.run("apt-get", "-qq", "update")
}

func (a apt) command(program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(a.ctx, program, append(a.options, args...)...)
	cmd.Dir = a.dir
	return cmd
}

func (a apt) run(program string, args ...string) error {
	out, err := a.command(program, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %s", program, strings.Join(args, " "), bytes.TrimSpace(out))
	}
	return nil
}

var kernelPackage = regexp.MustCompile(`\blinux-(?:image|binary)-[0-9][^ ,]*`)

// newest follows the dependencies of pack to the package that has the kernel itself.
func (a apt) newest(pack string) (string, error) {
	for {
		out, err := a.command("apt-cache", "show", "--no-all-versions", pack).Output()
		if err != nil {
			return "", fmt.Errorf("the mirror has no package %s", pack)
		}
		depends := ""
		for line := range strings.Lines(string(out)) {
			if value, ok := strings.CutPrefix(line, "Depends: "); ok {
				depends = value
			}
		}
		next := kernelPackage.FindString(depends)
		if next == "" || next == pack {
			return pack, nil
		}
		pack = next
	}
}

// extract writes the file in the package archive whose name begins like that of path to path.
func extract(ctx context.Context, archive, path string) error {
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", archive)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = out.Close()
		_ = cmd.Wait()
	}()
	for files := tar.NewReader(out); ; {
		header, err := files.Next()
		if err != nil {
			return fmt.Errorf("%s has no %s: %w", filepath.Base(archive), filepath.Base(path), err)
		}
		name := filepath.Base(header.Name)
		if header.Typeflag != tar.TypeReg || !strings.HasPrefix(name, filepath.Base(path)) {
			continue
		}
		partial := path + ".partial"
		f, err := os.Create(partial)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, files)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		return os.Rename(partial, path)
	}
}
