"""image_push: pushes an image with what refers to it. It needs Go modules, which whoever depends on this module does not have."""

load("@bazel_lib//lib:paths.bzl", "to_rlocation_path")
load("//tools:providers.bzl", "ImageInfo")

visibility(["//..."])

def _image_push_impl(ctx):
    push = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = push, target_file = ctx.executable._push, is_executable = True)
    image = ctx.attr.image[ImageInfo].layout
    runfiles = ctx.runfiles(files = [image] + ctx.files.referrers)
    return [
        DefaultInfo(
            executable = push,
            runfiles = runfiles.merge(ctx.attr._push[DefaultInfo].default_runfiles),
        ),
        # Where its runfiles are, the program finds out itself.
        RunEnvironmentInfo(environment = {
            "PUSH_IMAGE": to_rlocation_path(ctx, image),
            "PUSH_REFERRERS": " ".join([to_rlocation_path(ctx, file) for file in ctx.files.referrers]),
        }),
    ]

image_push = rule(
    implementation = _image_push_impl,
    attrs = {
        "image": attr.label(doc = "The image or index: a target of canonical.", mandatory = True, providers = [ImageInfo]),
        "referrers": attr.label_list(allow_files = True, doc = "Artifacts that are attached to it: targets of oci_artifact."),
        # It runs on the machine that builds, whatever the target platform is.
        "_push": attr.label(cfg = "exec", default = "//tools/release/push", executable = True),
    },
    doc = """`bazel run`: pushes an image by its digest, then what refers to it, and its tags last.

So a tag never names an image that is not whole. --repository=REGISTRY/NAME and --tag=TAG are given on the command line;
credentials come from the usual Docker configuration.""",
    executable = True,
)
