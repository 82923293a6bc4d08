// Package targets is the architecture matrix as the tests see it: where each binary is, what its ELF header must say,
// which emulator runs it, and which system calls it may make.
package targets

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.com/pause/tests/lib/need"
)

// The system calls of the program by their kernel names: the whole of what its seccomp profile must allow.
const (
	CallMask  = "rt_sigprocmask"
	CallSleep = "rt_sigtimedwait"
	CallReap  = "wait4"
	CallExit  = "exit_group"
	CallWrite = "write"
	// CallSleep64 stands in for CallSleep where long is 32 bits wide: rt_sigtimedwait is missing from kernels that are
	// built without 32-bit time.
	CallSleep64 = "rt_sigtimedwait_time64"
)

// A Target is one architecture that pause is built for, on Linux.
type Target struct {
	Arch    string      // as in GOARCH
	Machine elf.Machine // e_machine
	Class   elf.Class
	Data    elf.Data // byte order
	// Flags is e_flags: float ABI, ABI version, instruction set. Every Go program of the architecture has the same.
	Flags uint32
	// PageSize is the largest page size, in bytes, that Linux is commonly built with: a loadable segment must be aligned
	// to it, or the kernel refuses the file there.
	PageSize uint64
	// Magic is part of what every release of file(1) calls the architecture.
	Magic string
	// Emulator is the name of qemu-user's program for the architecture, without the suffix "-static".
	Emulator string
	// Audit is the AUDIT_ARCH_ constant of linux/audit.h, as seccomp and ptrace report it.
	Audit uint32
	// Calls has the number of every system call that the program makes, and no other.
	Calls map[string]uint64
	// Exec is the number of execve, which a seccomp filter must let pass to start the program at all.
	Exec uint64
}

// calls names the numbers of the system calls of a 64-bit architecture.
func calls(mask, sleep, reap, exit, write uint64) map[string]uint64 {
	return map[string]uint64{CallMask: mask, CallSleep: sleep, CallReap: reap, CallExit: exit, CallWrite: write}
}

// calls32 is calls for an architecture with a 32-bit long; the sleeping call has the same number on all of them.
func calls32(mask, reap, exit, write uint64) map[string]uint64 {
	return map[string]uint64{CallMask: mask, CallSleep64: 421, CallReap: reap, CallExit: exit, CallWrite: write}
}

const (
	lsb = elf.ELFDATA2LSB
	msb = elf.ELFDATA2MSB
)

// all is the matrix, in the order in which tables show it.
var all = []Target{
	{
		Arch: "amd64", Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Data: lsb, Flags: 0, PageSize: 4 << 10,
		Magic: "x86-64", Emulator: "qemu-x86_64", Audit: 0xc000003e, Calls: calls(14, 128, 61, 231, 1), Exec: 59,
	},
	{
		Arch: "arm64", Machine: elf.EM_AARCH64, Class: elf.ELFCLASS64, Data: lsb, Flags: 0, PageSize: 64 << 10,
		Magic: "ARM aarch64", Emulator: "qemu-aarch64", Audit: 0xc00000b7, Calls: calls(135, 137, 260, 94, 64), Exec: 221,
	},
	{
		// EF_ARM_EABI_VER5, and EF_ARM_HASENTRY from before the EABI.
		Arch: "arm", Machine: elf.EM_ARM, Class: elf.ELFCLASS32, Data: lsb, Flags: 0x05000002, PageSize: 4 << 10,
		Magic: "ARM, EABI5", Emulator: "qemu-arm", Audit: 0x40000028, Calls: calls32(175, 114, 248, 4), Exec: 11,
	},
	{
		Arch: "386", Machine: elf.EM_386, Class: elf.ELFCLASS32, Data: lsb, Flags: 0, PageSize: 4 << 10,
		Magic: "386", Emulator: "qemu-i386", Audit: 0x40000003, Calls: calls32(175, 114, 252, 4), Exec: 11,
	},
	{
		// EF_RISCV_FLOAT_ABI_DOUBLE.
		Arch: "riscv64", Machine: elf.EM_RISCV, Class: elf.ELFCLASS64, Data: lsb, Flags: 0x4, PageSize: 4 << 10,
		Magic: "UCB RISC-V", Emulator: "qemu-riscv64", Audit: 0xc00000f3, Calls: calls(135, 137, 260, 94, 64), Exec: 221,
	},
	{
		// EF_LOONGARCH_ABI_DOUBLE_FLOAT and EF_LOONGARCH_OBJABI_V1.
		Arch: "loong64", Machine: elf.EM_LOONGARCH, Class: elf.ELFCLASS64, Data: lsb, Flags: 0x43, PageSize: 64 << 10,
		Magic: "LoongArch", Emulator: "qemu-loongarch64", Audit: 0xc0000102, Calls: calls(135, 137, 260, 94, 64), Exec: 221,
	},
	{
		// Version 2 of the ELF ABI.
		Arch: "ppc64le", Machine: elf.EM_PPC64, Class: elf.ELFCLASS64, Data: lsb, Flags: 0x2, PageSize: 64 << 10,
		Magic: "64-bit PowerPC", Emulator: "qemu-ppc64le", Audit: 0xc0000015, Calls: calls(174, 176, 114, 234, 4), Exec: 11,
	},
	{
		// EF_S390_HIGH_GPRS, which every 64-bit program may take for granted.
		Arch: "s390x", Machine: elf.EM_S390, Class: elf.ELFCLASS64, Data: msb, Flags: 0x1, PageSize: 4 << 10,
		Magic: "IBM S/390", Emulator: "qemu-s390x", Audit: 0x80000016, Calls: calls(175, 177, 114, 248, 4), Exec: 11,
	},
	{
		// EF_MIPS_ARCH_3 and EF_MIPS_CPIC.
		Arch: "mips64le", Machine: elf.EM_MIPS, Class: elf.ELFCLASS64, Data: lsb, Flags: 0x20000004, PageSize: 64 << 10,
		Magic: "MIPS, MIPS-III", Emulator: "qemu-mips64el", Audit: 0xc0000008, Calls: calls(5014, 5126, 5059, 5205, 5001), Exec: 5057,
	},
}

// All returns the matrix, in the order in which tables show it.
func All() []Target { return append([]Target(nil), all...) }

// Host returns the target that this program itself was built for; ok is false where pause is not built for it.
func Host() (host Target, ok bool) {
	for _, t := range all {
		if t.Arch == runtime.GOARCH {
			return t, true
		}
	}
	return Target{}, false
}

// Env is the environment variable that says where the binary for t is, for example PAUSE_LINUX_ARM64.
func (t Target) Env() string { return "PAUSE_LINUX_" + strings.ToUpper(t.Arch) }

// Sleep returns the number of the system call in which the program sleeps.
func (t Target) Sleep() uint64 {
	if n, ok := t.Calls[CallSleep]; ok {
		return n
	}
	return t.Calls[CallSleep64]
}

// CallName returns the kernel's name for call number n, or the number itself if it is none of the program's calls.
func (t Target) CallName(n uint64) string {
	for name, number := range t.Calls {
		if number == n {
			return name
		}
	}
	return fmt.Sprintf("system call %d", n)
}

// Binary returns the absolute path of the binary for t, as File does.
func (t Target) Binary(tb testing.TB) string {
	tb.Helper()
	return File(tb, t.Env())
}

// FindEmulator returns the path of the qemu-user program for t, or skips or fails the test as package need does.
func (t Target) FindEmulator(tb testing.TB) string {
	tb.Helper()
	for _, name := range []string{t.Emulator + "-static", t.Emulator} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	need.That(tb, false, t.Emulator+" is not on PATH; Debian's package qemu-user has it (qemu-user-static up to bookworm)")
	return ""
}

// File returns the absolute path of the file or folder that the environment variable env names, as Locate does. It skips the
// test, as package need does, where env is not set, and fails it where nothing is there.
func File(tb testing.TB, env string) string {
	tb.Helper()
	need.That(tb, os.Getenv(env) != "", env+" is not set: bazel test says with it where a file is that it has built")
	path, err := Locate(env)
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// Locate returns the absolute path of the file or folder that the environment variable env names: a path in Bazel's
// runfiles (as $(rlocationpath) prints it) or an ordinary one. It is an error if env is not set or nothing is there.
func Locate(env string) (string, error) {
	value := os.Getenv(env)
	if value == "" {
		return "", fmt.Errorf("%s is not set", env)
	}
	if path, err := runfiles.Rlocation(value); err == nil {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	path, err := filepath.Abs(value)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is neither a runfile nor a file: %w", value, err)
	}
	return path, nil
}

// FromWorkingDirectory returns a path that a flag gave as the user meant it: `bazel run` changes the working directory.
func FromWorkingDirectory(path string) string {
	if dir := os.Getenv("BUILD_WORKING_DIRECTORY"); dir != "" && !filepath.IsAbs(path) {
		return filepath.Join(dir, path)
	}
	return path
}
