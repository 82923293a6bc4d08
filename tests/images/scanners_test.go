package images_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.com/pause/tests/lib/need"
	"example.com/pause/tests/lib/targets"
	"example.com/pause/tools/layer"
)

// Programs that read an image without running it have nothing to complain about. docs/images.md says which field each of them
// reads; elf_test.go asks readelf and file.

// program returns the program for an architecture.
func program(t *testing.T, target targets.Target) []byte {
	t.Helper()
	content, err := os.ReadFile(target.Binary(t))
	need.NoError(t, err)
	return content
}

// put writes a file into a folder of the test's own and returns its path.
func put(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	need.NoError(t, os.WriteFile(path, content, 0o644))
	return path
}

// run returns what a program prints on both outputs, and its exit code.
func run(t *testing.T, name string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC0", "PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// withSectionSize returns a copy of a program whose e_shentsize is another.
func withSectionSize(program []byte, target targets.Target, size byte) []byte {
	const at32, at64 = 46, 58 // gABI, "ELF Header"
	at := at64
	if target.Class == elf.ELFCLASS32 {
		at = at32
	}
	if target.Data == elf.ELFDATA2MSB {
		at++
	}
	changed := bytes.Clone(program)
	changed[at] = size
	return changed
}

// ClamAV finds no program and no layer broken, and does find it if e_shentsize is 0.
func TestClamAV(t *testing.T) {
	clamscan, err := exec.LookPath("clamscan")
	if err != nil {
		// Not package need: --config=ci would want it in the sealed root, for which it is too large.
		t.Skip("skipped: clamscan is not on PATH; Debian's package clamav has it, 15 MB to download")
	}
	// The official signatures are hundreds of megabytes; this one is the hash of a byte.
	signatures := put(t, "none.hdb", []byte("9dd4e461268c8034f5c8564e155c67a6:1:Test.None\n"))
	scan := func(t *testing.T, name string, content []byte) (string, int) {
		t.Helper()
		return run(t, clamscan, "--database="+signatures, "--alert-broken=yes", "--infected", "--no-summary", put(t, name, content))
	}
	for _, target := range targets.All() {
		t.Run(target.Arch, func(t *testing.T) {
			program := program(t, target)
			blob, err := layer.Build("pause", program)
			need.NoError(t, err)
			for name, content := range map[string][]byte{"pause": program, "layer.tar.gz": blob} {
				if out, code := scan(t, name, content); code != 0 || out != "" {
					t.Errorf("clamscan of %s exits with %d: %s", name, code, out)
				}
			}
			if out, code := scan(t, "pause", withSectionSize(program, target, 0)); code != 1 || !strings.Contains(out, "Broken.Executable") {
				t.Errorf("clamscan of a program with e_shentsize 0 exits with %d: %s", code, out)
			}
		})
	}
}

// eu-elflint finds no error in any program, and does find an e_shentsize that is of no class.
func TestElflint(t *testing.T) {
	elflint := need.Program(t, "eu-elflint", "elfutils")
	for _, target := range targets.All() {
		t.Run(target.Arch, func(t *testing.T) {
			program := program(t, target)
			// It complains of what it does not know: some architectures, and flags that every Go program of one has.
			unknown := []string{
				"No errors",
				fmt.Sprintf("unknown machine type %d", target.Machine),
				fmt.Sprintf("invalid machine flags: %#x", target.Flags),
			}
			complaints := func(content []byte) (found []string) {
				out, _ := run(t, elflint, "--strict", put(t, "pause", content))
				for line := range strings.Lines(out) {
					known := false
					for _, text := range unknown {
						known = known || strings.TrimSpace(line) == text
					}
					if !known {
						found = append(found, line)
					}
				}
				return found
			}
			if found := complaints(program); found != nil {
				t.Errorf("eu-elflint complains: %q", found)
			}
			if found := complaints(withSectionSize(program, target, 7)); found == nil {
				t.Error("eu-elflint does not complain of an e_shentsize of 7")
			}
		})
	}
}

// GNU tar and libarchive read the layer without a warning, and find in it one file, whose owner is root, whose date is 0, that
// everybody may run and nobody write.
func TestTar(t *testing.T) {
	type file struct{ program, archive, arch string }
	var files []file
	for _, target := range targets.All() {
		program := program(t, target)
		blob, err := layer.Build("pause", program)
		need.NoError(t, err)
		files = append(files, file{string(program), put(t, "layer.tar.gz", blob), target.Arch})
	}
	for name, test := range map[string]struct{ pkg, want string }{
		"tar":    {"tar", "-r-xr-xr-x 0/0 %d 1970-01-01 00:00 pause"},
		"bsdtar": {"libarchive-tools", "-r-xr-xr-x 0 0 0 %d Jan 1 1970 pause"},
	} {
		t.Run(name, func(t *testing.T) {
			tar := need.Program(t, name, test.pkg)
			for _, f := range files {
				listing, code := run(t, tar, "-tvzf", f.archive)
				listing = strings.Join(strings.Fields(listing), " ")
				if want := fmt.Sprintf(test.want, len(f.program)); listing != want || code != 0 {
					t.Errorf("%s: %s lists %q and exits with %d; want %q", f.arch, name, listing, code, want)
				}
				if content, code := run(t, tar, "-xzOf", f.archive); code != 0 || content != f.program {
					t.Errorf("%s: %s unpacks %d bytes and exits with %d; want the program of %d bytes", f.arch, name, len(content), code, len(f.program))
				}
			}
		})
	}
}
