"""sbom: what the image is made of (SPDX 2.3) and how it was made (in-toto, SLSA provenance), from what Bazel knows.

It is for programs without the Go runtime alone: it says that nothing of the standard library is linked.
"""

load("@bazel_skylib//rules:common_settings.bzl", "BuildSettingInfo")
load("@rules_go//go:def.bzl", "GoSDK")
load("//tools:providers.bzl", "ImageInfo")

visibility(["//..."])

def _sbom_impl(ctx):
    document = ctx.actions.declare_file(ctx.label.name + ".spdx.json")
    provenance = ctx.actions.declare_file(ctx.label.name + ".intoto.json")
    image = ctx.attr.image[ImageInfo].layout
    args = ctx.actions.args()
    args.add_all([image], before_each = "--image", expand_directories = False)
    args.add("--go-version", ctx.attr._sdk[GoSDK].version)
    args.add("--output", document)
    args.add("--provenance", provenance)

    # In the main repository a label's text begins with @@ or @; the provenance names the target as people write it.
    args.add("--target", "//{}:{}".format(ctx.attr.image.label.package, ctx.attr.image.label.name))
    args.add("--builder", ctx.attr._builder[BuildSettingInfo].value)
    args.add_all(ctx.files.srcs)
    ctx.actions.run(
        executable = ctx.executable._sbom,
        arguments = [args],
        inputs = [image] + ctx.files.srcs,
        outputs = [document, provenance],
        mnemonic = "Sbom",
        progress_message = "Describing %{label}",
    )
    return [
        DefaultInfo(files = depset([document, provenance])),
        OutputGroupInfo(
            provenance = depset([provenance]),
            spdx = depset([document]),
        ),
    ]

sbom = rule(
    implementation = _sbom_impl,
    doc = """Writes NAME.spdx.json and NAME.intoto.json, which depend on the image, its sources and the flag //tools/release/sbom:builder alone.

Each is also an output group of its own: spdx and provenance.""",
    attrs = {
        "image": attr.label(
            mandatory = True,
            doc = "The index: a target of canonical, whose annotations have its title, version and licenses.",
            providers = [ImageInfo],
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
