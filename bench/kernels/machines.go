package main

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
