"""The matrix of architectures, as data: what the Go toolchain and the OCI ecosystem share on Linux."""

# One row an image, in the order of the index. The order matters for clients that take the first entry that fits.
#
#   os, architecture, variant: the platform, by its OCI names (image-spec, "Image Index"; variant is "" for none)
#   goarch: the Go port
#   machine: the ELF machine, by its name in the gABI; bench/sizes holds it to the program
#   constraints: what a Bazel platform says if it is this one
ARCHES = [
    struct(
        os = "linux",
        architecture = "amd64",
        variant = "",
        goarch = "amd64",
        machine = "EM_X86_64",
        constraints = ["@platforms//os:linux", "@platforms//cpu:x86_64"],
    ),
    struct(
        os = "linux",
        architecture = "arm64",
        variant = "",
        goarch = "arm64",
        machine = "EM_AARCH64",
        constraints = ["@platforms//os:linux", "@platforms//cpu:aarch64"],
    ),
    struct(
        os = "linux",
        architecture = "arm",
        variant = "v7",
        goarch = "arm",
        machine = "EM_ARM",
        constraints = ["@platforms//os:linux", "@platforms//cpu:armv7"],
    ),
    struct(
        os = "linux",
        architecture = "386",
        variant = "",
        goarch = "386",
        machine = "EM_386",
        constraints = ["@platforms//os:linux", "@platforms//cpu:x86_32"],
    ),
    struct(
        os = "linux",
        architecture = "riscv64",
        variant = "",
        goarch = "riscv64",
        machine = "EM_RISCV",
        constraints = ["@platforms//os:linux", "@platforms//cpu:riscv64"],
    ),
    struct(
        os = "linux",
        architecture = "loong64",
        variant = "",
        goarch = "loong64",
        machine = "EM_LOONGARCH",
        constraints = ["@platforms//os:linux", "@platforms//cpu:loongarch64"],
    ),
    struct(
        os = "linux",
        architecture = "ppc64le",
        variant = "",
        goarch = "ppc64le",
        machine = "EM_PPC64",
        constraints = ["@platforms//os:linux", "@platforms//cpu:ppc64le"],
    ),
    struct(
        os = "linux",
        architecture = "s390x",
        variant = "",
        goarch = "s390x",
        machine = "EM_S390",
        constraints = ["@platforms//os:linux", "@platforms//cpu:s390x"],
    ),
    struct(
        os = "linux",
        architecture = "mips64le",
        variant = "",
        goarch = "mips64le",
        machine = "EM_MIPS",
        constraints = ["@platforms//os:linux", "@platforms//cpu:mips64"],
    ),
]

def name_of(row):
    """The part of a target's name that says which row it is of, such as linux_arm64."""
    return row.os + "_" + row.architecture

def platform_of(row):
    """The platform of a row as engines write it: linux/amd64, or linux/arm/v7."""
    return "/".join([part for part in [row.os, row.architecture, row.variant] if part])

def cpu_of(row):
    """The constraint of a row that says what the processor is."""
    return [constraint for constraint in row.constraints if constraint.startswith("@platforms//cpu:")][0]
