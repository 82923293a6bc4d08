"""pause_image: from an architecture to a layer, an image, its digest and its tests."""

load("@rules_oci//oci:defs.bzl", "oci_image", "oci_load")
load("//tools/canonical:canonical.bzl", "canonical")
load("//tools/golden:golden.bzl", "golden", "golden_test")
load("//tools/layer:layer.bzl", "layer")
load("//tools/structure:structure.bzl", "structure_config", "structure_test")
load(":arches.bzl", "VARIANTS", "name_of", "platform_of")

# Accepts a deliberate change of what is shipped.
UPDATE_DIGESTS = "bazel run //images:update_digests"

# Most bytes that an image may have: manifest, configuration and compressed layer.
MAX_BYTES = 1024

# The name comes from the architecture.
# buildifier: disable=unnamed-macro
def pause_image(arch):
    """Declares the image of one architecture, pause_linux_ARCHITECTURE, and its tests.

    Targets, with NAME for pause_linux_ARCHITECTURE: NAME, the image in canonical form; NAME_layer, its layer; NAME_golden,
    its golden file as it would be now; NAME_tarball, the image for `docker load` and `podman load`; NAME_test
    and NAME_golden_test.

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
        layout = ":" + name + "_oci",
        visibility = ["//visibility:public"],
    )

    golden(
        name = name + "_golden",
        layout = ":" + name,
    )

    golden_test(
        name = name + "_golden_test",
        accept = UPDATE_DIGESTS,
        golden = "digests/" + name + ".txt",
        layout = ":" + name,
    )

    structure_config(
        name = name + "_checks",
        architecture = arch,
        template = "//tests/images:pause.yaml.tmpl",
        visibility = ["//tests/images:__pkg__"],
    )

    structure_test(
        name = name + "_test",
        canonical_layer = True,
        configs = [
            ":" + name + "_checks",
            "//tests/images:owner.yaml",
        ],
        layout = ":" + name,
        max_bytes = MAX_BYTES,
        only_config = True,
        only_files = ["/pause"],
        platform = platform_of(arch),
    )

    oci_load(
        name = name + "_load",
        image = ":" + name,
        repo_tags = ["pause:latest"],
        visibility = ["//visibility:public"],
    )

    native.filegroup(
        name = name + "_tarball",
        srcs = [":" + name + "_load"],
        output_group = "tarball",
        visibility = ["//visibility:public"],
    )
