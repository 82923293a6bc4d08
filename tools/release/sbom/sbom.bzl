"""sbom: what the image is made of (SPDX 2.3) and how it was made (in-toto, SLSA provenance), from what Bazel knows.

It is for programs without the Go runtime alone: it says that nothing of the standard library is linked.
"""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("@rules_go//go:def.bzl", "GoSDK")
load("//tools:providers.bzl", "ImageInfo")

visibility(["//..."])

def _sbom_impl(ctx):
    image = ctx.attr.image[ImageInfo].layout
    args = ctx.actions.args()
    args.add_all([image], before_each = "--image", expand_directories = False)
    args.add("--go-version", ctx.attr._sdk[GoSDK].version)
    args.add("--output", ctx.outputs.spdx)
    args.add("--provenance", ctx.outputs.provenance)

    # In the main repository a label's text begins with @@ or @; the provenance names the target as people write it.
    args.add("--target", "//{}:{}".format(ctx.attr.image.label.package, ctx.attr.image.label.name))
    args.add("--builder", ctx.attr._builder[BuildSettingInfo].value)
    args.add_all(ctx.files.srcs)
    ctx.actions.run(
        executable = ctx.executable._sbom,
        arguments = [args],
        inputs = [image] + ctx.files.srcs,
        outputs = [ctx.outputs.spdx, ctx.outputs.provenance],
        mnemonic = "Sbom",
        progress_message = "Describing %{label}",
    )

sbom = rule(
    implementation = _sbom_impl,
    doc = "Writes two documents, which depend on the image, its sources and the flag //tools/release/sbom:builder alone.",
    attrs = {
        "image": attr.label(
            mandatory = True,
            doc = "The index: a target of canonical, whose annotations have its title, version and licenses.",
            providers = [ImageInfo],
        ),
        "provenance": attr.output(
            mandatory = True,
            doc = "How the image was made: an in-toto statement with SLSA provenance v1.",
        ),
        "spdx": attr.output(
            mandatory = True,
            doc = "What the image is made of: an SPDX 2.3 document.",
        ),
        "srcs": attr.label_list(
            mandatory = True,
            allow_empty = False,
            allow_files = True,
            doc = "All the files that the program is built from.",
        ),
        "_builder": attr.label(
            default = "//tools/release/sbom:builder",
            providers = [BuildSettingInfo],
        ),
        "_sbom": attr.label(
            default = "//tools/release/sbom",
            executable = True,
            cfg = "exec",
        ),
        # What builds the program, and not what rules_go has for the target platform, if it has anything.
        "_sdk": attr.label(
            default = "//tools:exec_go_sdk",
            cfg = "exec",
            providers = [GoSDK],
        ),
    },
)
