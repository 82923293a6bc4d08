"""What tests and benchmarks find by variables in their environment: labels by the names of the variables.

    data = FILES.values(),
    env = locations(FILES),
"""

load("//images:arches.bzl", "ARCHES", "name_of")

# The pause binaries of all architectures: PAUSE_LINUX_AMD64 and so on.
BINARIES = {
    "PAUSE_" + name_of(arch).upper(): "//pause:pause_" + name_of(arch)
    for arch in ARCHES
}

# How containerd is told of its sandbox image, by its major version.
CONTAINERD = {
    "PAUSE_CONTAINERD_1": "//deploy:sandbox/containerd-1.toml",
    "PAUSE_CONTAINERD_2": "//deploy:sandbox/containerd-2.toml",
}

# The ordinary program in Go, and the image of it, to compare with.
ORDINARY = {
    "PAUSE_IDIOMATIC": "//example:pause",
    "PAUSE_IDIOMATIC_LAYOUT": "//example:image",
}

# Where Debian has engines: Bazel gives tests /bin, /usr/bin and /usr/local/bin.
PATH = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

def locations(files):
    """Returns the variables with the paths of the files among the runfiles, as package targets reads them."""
    return {name: "$(rlocationpath {})".format(label) for name, label in files.items()}
