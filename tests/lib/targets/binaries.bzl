"""The pause binaries of all architectures, for tests that run or inspect them."""

load("//images:arches.bzl", "ARCHES", "name_of")

def _label(row):
    return "//pause:pause_" + name_of(row)

# For `data`.
BINARIES = [_label(row) for row in ARCHES]

# For `env`: MACHINE_LINUX_AMD64 and so on, what the matrix says the ELF machine is.
MACHINES_ENV = {
    "MACHINE_" + name_of(row).upper(): row.machine
    for row in ARCHES
}

# For `env`: PAUSE_LINUX_AMD64 and so on, as package targets reads them.
BINARIES_ENV = {
    "PAUSE_" + name_of(row).upper(): "$(rlocationpath {})".format(_label(row))
    for row in ARCHES
}
