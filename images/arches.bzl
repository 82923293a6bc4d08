"""The matrix: the architectures that the Go toolchain and the OCI ecosystem share on Linux."""

# By their names in OCI, which are Go's, in the order of the index: clients take the first entry that fits.
ARCHES = [
    "amd64",
    "arm64",
    "arm",
    "386",
    "riscv64",
    "loong64",
    "ppc64le",
    "s390x",
    "mips64le",
]

# The variant of those that have one (image-spec, "Platform Variants").
VARIANTS = {"arm": "v7"}

# Bazel's name of the processor, where it is not Go's.
_CPUS = {
    "386": "x86_32",
    "amd64": "x86_64",
    "arm": "armv7",
    "arm64": "aarch64",
    "loong64": "loongarch64",
    "mips64le": "mips64",
}

def name_of(arch):
    """Returns the part of a target's name that says which architecture it is for, such as linux_arm64."""
    return "linux_" + arch

def platform_of(arch):
    """Returns the platform as engines write it: linux/amd64, or linux/arm/v7."""
    return "/".join(["linux", arch] + ([VARIANTS[arch]] if arch in VARIANTS else []))

def cpu_of(arch):
    """Returns the constraint that says what the processor is."""
    return "@platforms//cpu:" + _CPUS.get(arch, arch)
