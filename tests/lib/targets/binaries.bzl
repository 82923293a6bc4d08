"""The pause binaries of all architectures, for tests that run or inspect them."""

load("//images:arches.bzl", "ARCHES", "name_of")

def _label(arch):
    return "//pause:pause_" + name_of(arch)

# For `data`.
BINARIES = [_label(arch) for arch in ARCHES]

# For `env`: PAUSE_LINUX_AMD64 and so on, as package targets reads them.
BINARIES_ENV = {
    "PAUSE_" + name_of(arch).upper(): "$(rlocationpath {})".format(_label(arch))
    for arch in ARCHES
}
