"""pause_image: from an architecture to a layer, an image and its golden file."""

load("@bazel_lib//lib:diff_test.bzl", "diff_test")
load("@rules_oci//oci:defs.bzl", "oci_image", "oci_load")
load("//tools:golden.bzl", "golden")
load("//tools:layer.bzl", "layer")
load("//tools:oci.bzl", "canonical", "oci_archive")
load(":annotations.bzl", "VERSION")
load(":arches.bzl", "VARIANTS", "name_of")

# What golden tests say when they fail.
ACCEPT = "If the change is meant: ./bazelw run //images:update_digests"

# What engines call an image that comes as an archive.
REPO_TAGS = ["pause:" + VERSION]

# The name comes from the architecture.
# buildifier: disable=unnamed-macro
def pause_image(arch):
    """Declares the image of one architecture, pause_linux_ARCHITECTURE.

    Targets, with NAME for pause_linux_ARCHITECTURE: NAME, the image in canonical form; NAME_layer, its layer; NAME_oci, the image
    as rules_oci makes it; NAME_golden, its golden file as it would be now, and NAME_golden_test; NAME_load, for `bazel run`; NAME_tarball, the
    image for `docker load` and `podman load`; NAME_base64, the image as one line of text.

    Args:
      arch: one of ARCHES.
    """
    name = "pause_" + name_of(arch)

    layer(
        name = name + "_layer",
        src = "//pause:" + name,
        path = "pause",
    )

    oci_image(
        name = name + "_oci",
        architecture = arch,
        entrypoint = ["/pause"],
        os = "linux",
        tars = [":" + name + "_layer"],
        user = "65535:65535",
        variant = VARIANTS.get(arch),
    )

    canonical(
        name = name,
        image = ":" + name + "_oci",
        visibility = ["//visibility:public"],
    )

    golden(
        name = name + "_golden",
        image = ":" + name,
    )

    diff_test(
        name = name + "_golden_test",
        failure_message = ACCEPT,
        file1 = "digests/" + name + ".txt",
        file2 = ":" + name + "_golden",
    )

    oci_load(
        name = name + "_load",
        image = ":" + name,
        loader = "//tools:load.sh",
        repo_tags = ["pause:latest"],
        visibility = ["//visibility:public"],
    )

    oci_archive(
        name = name + "_base64",
        image = ":" + name,
        repo_tags = REPO_TAGS,
        text = True,
        visibility = ["//visibility:public"],
    )

    native.filegroup(
        name = name + "_tarball",
        srcs = [":" + name + "_load"],
        output_group = "tarball",
        visibility = ["//visibility:public"],
    )
