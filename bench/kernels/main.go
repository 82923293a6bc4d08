// Command kernels boots Debian's kernels in an emulator, one for each architecture, and runs the image's program in each as
// PID 1 of a namespace: qemu-user, which the tests use, emulates the processor and not the kernel.
package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"example.com/pause/tests/lib/targets"
	"example.com/pause/tools/command"
)

// machine is a virtual machine with a kernel of Debian.
type machine struct {
	arch     string // as in GOARCH
	debian   string // Debian's name of the architecture
	suite    string // the oldest of Debian's releases that has the kernel and that mirrors still carry
	pack     string // the package that always depends on the newest kernel of its kind
	emulator string // its program is qemu-system-EMULATOR
	args     []string
	console  string // the kernel's name of the serial line
	firmware string // the package of the UEFI firmware, if the kernel is a UEFI program alone
}

// machines has one for each architecture of the image. The kernels are chosen for their differences: pages of 4, 16 and 64 kB.
var machines = []machine{
	{"amd64", "amd64", "bookworm", "linux-image-amd64", "x86_64", nil, "ttyS0", ""},
	{"arm64", "arm64", "trixie", "linux-image-arm64-16k", "aarch64", []string{"-machine", "virt", "-cpu", "max"}, "ttyAMA0", ""},
	{"arm", "armhf", "bookworm", "linux-image-armmp", "arm", []string{"-machine", "virt"}, "ttyAMA0", ""},
	{"386", "i386", "bookworm", "linux-image-686", "i386", nil, "ttyS0", ""},
	{"riscv64", "riscv64", "trixie", "linux-image-riscv64", "riscv64", []string{"-machine", "virt"}, "ttyS0", ""},
	{"loong64", "loong64", "forky", "linux-image-loong64", "loongarch64", []string{"-machine", "virt"}, "ttyS0", "qemu-efi-loongarch64"},
	{"ppc64le", "ppc64el", "bookworm", "linux-image-powerpc64le", "ppc64", []string{"-machine", "pseries"}, "hvc0", ""},
	{"s390x", "s390x", "bookworm", "linux-image-s390x", "s390x", nil, "ttysclp0", ""},
	{"mips64le", "mips64el", "bookworm", "linux-image-5kc-malta", "mips64el", []string{"-machine", "malta", "-cpu", "5KEc"}, "ttyS0", ""},
}

func main() {
	c := &command.Command{
		Name: "kernels",
		Call: "./bazelw run //bench/kernels --",
		Summary: "Boots one of Debian's kernels for each architecture under qemu-system, runs pause in it as PID 1 of a namespace, and prints\n" +
			"a table. It needs a Debian system with qemu-system-arm, -mips, -misc, -ppc and -x86, and keeps 400 MB of kernels from its mirror in\n" +
			"pause-kernels in the user's cache folder.",
		Examples: []string{
			"./bazelw run //bench/kernels",
			"./bazelw run //bench/kernels -- --only=arm64,s390x",
		},
	}
	only := c.Flags.String("only", "", "`architectures` to try, as GOARCH names them, separated by commas (default: all)")
	c.Run = func(ctx context.Context, _ []string, stdout io.Writer) error {
		chosen, err := choose(*only)
		if err != nil {
			return err
		}
		cache, err := os.UserCacheDir()
		if err != nil {
			return err
		}
		return run(ctx, chosen, filepath.Join(cache, "pause-kernels"), stdout)
	}
	c.Main()
}

// choose returns the machines that only names, or all.
func choose(only string) ([]machine, error) {
	if only == "" {
		return machines, nil
	}
	var chosen []machine
	for arch := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(machines, func(m machine) bool { return m.arch == arch })
		if i < 0 {
			return nil, command.Wrong("there is no architecture %q in images/arches.bzl", arch)
		}
		chosen = append(chosen, machines[i])
	}
	return chosen, nil
}

func run(ctx context.Context, chosen []machine, cache string, stdout io.Writer) error {
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "architecture\tkernel\tpage\tversion\tsleeps\treaps\tSIGTERM\tseconds\tresult")
	var failed []string
	for _, m := range chosen {
		begin := time.Now()
		seen, err := m.try(ctx, filepath.Join(cache, m.arch))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			seen["result"] = err.Error()
		}
		if seen["result"] != "ok" {
			failed = append(failed, m.arch)
		}
		fmt.Fprintf(os.Stderr, "%s: %s\n", m.arch, seen["result"])
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%s\n", m.arch, seen["kernel"], seen["page"], seen["version"],
			seen["sleeps"], seen["reaps"], seen["SIGTERM"], time.Since(begin).Seconds(), seen["result"])
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if len(failed) > 0 {
		return fmt.Errorf("no good result for %s", strings.Join(failed, ", "))
	}
	return nil
}

// try boots the machine, and returns what the guest prints: lines "name: value".
func (m machine) try(ctx context.Context, dir string) (map[string]string, error) {
	seen := map[string]string{}
	emulator, err := exec.LookPath("qemu-system-" + m.emulator)
	if err != nil {
		return seen, fmt.Errorf("qemu-system-%s is not installed", m.emulator)
	}
	kernel, err := m.file(ctx, dir, m.pack, "vmlinu")
	if err != nil {
		return seen, err
	}
	initramfs := filepath.Join(dir, "initramfs")
	if err := m.writeInitramfs(initramfs); err != nil {
		return seen, err
	}
	// Emulated, a boot takes up to a minute.
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Minute, errors.New("no result after ten minutes"))
	defer cancel()
	args := slices.Concat(m.args, []string{
		"-m", "1024", "-nographic", "-no-reboot", "-nic", "none", "-kernel", kernel, "-initrd", initramfs,
		"-append", "console=" + m.console + " quiet panic=-1",
	})
	if m.firmware != "" {
		firmware, err := m.file(ctx, dir, m.firmware, "QEMU_EFI")
		if err != nil {
			return seen, err
		}
		args = append(args, "-bios", firmware)
	}
	cmd := exec.CommandContext(ctx, emulator, args...)
	console, err := cmd.StdoutPipe()
	if err != nil {
		return seen, err
	}
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	if err := cmd.Start(); err != nil {
		return seen, err
	}
	last := ""
	for lines := bufio.NewScanner(console); lines.Scan() && seen["result"] == ""; {
		last = strings.TrimSpace(lines.Text())
		if name, value, ok := strings.Cut(last, ": "); ok && slices.Contains(columns, name) {
			seen[name] = value
		}
	}
	// Not every machine can be turned off from within.
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if seen["result"] == "" {
		return seen, fmt.Errorf("no result; the last line was %q %s", last, bytes.TrimSpace(complaint.Bytes()))
	}
	return seen, nil
}

//go:embed fetch.sh
var fetch string

// file returns the file in dir whose name begins with prefix, of a package or the newest kernel that it depends on. It downloads the
// package the first time.
func (m machine) file(ctx context.Context, dir, pack, prefix string) (string, error) {
	file := filepath.Join(dir, prefix)
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	out, err := exec.CommandContext(ctx, "bash", "-c", fetch, "fetch.sh", dir, m.debian, m.suite, pack, prefix).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("fetching %s: %w: %s", pack, err, bytes.TrimSpace(out))
	}
	return file, nil
}

// columns are the names that the guest prints.
var columns = []string{"kernel", "page", "version", "sleeps", "reaps", "SIGTERM", "result"}

// writeInitramfs writes a cpio archive of the form newc (Documentation/driver-api/early-userspace/buffer-format.rst in the
// kernel) with the guest as /init, the program, and the devices and folders that the two need.
func (m machine) writeInitramfs(path string) error {
	var archive bytes.Buffer
	add := func(name string, mode, major, minor int, content []byte) {
		pad := func() { archive.Write(make([]byte, -archive.Len()&3)) }
		fmt.Fprintf(&archive, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
			archive.Len(), mode, 0, 0, 1, 0, len(content), 0, 0, major, minor, len(name)+1, 0, name)
		pad()
		archive.Write(content)
		pad()
	}
	const folder, file, device = 0o40755, 0o100755, 0o20600
	add("dev", folder, 0, 0, nil)
	add("dev/console", device, 5, 1, nil)
	add("dev/null", device, 1, 3, nil)
	add("proc", folder, 0, 0, nil)
	for name, variable := range map[string]string{"init": "PAUSE_GUEST_LINUX_", "pause": "PAUSE_LINUX_"} {
		source, err := targets.Locate(variable + strings.ToUpper(m.arch))
		if err != nil {
			return fmt.Errorf("%w; ./bazelw run //bench/kernels brings the programs along", err)
		}
		content, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		add(name, file, 0, 0, content)
	}
	add("TRAILER!!!", 0, 0, 0, nil)
	return os.WriteFile(path, archive.Bytes(), 0o644)
}
