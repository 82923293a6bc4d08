"""Tells BUILD files which Bazel is running: only repository rules are told."""

def _version_repository_impl(ctx):
    ctx.file("BUILD.bazel")
    ctx.file("version.bzl", "BAZEL_VERSION = {}\n".format(repr(ctx.attr.version)))

_version_repository = repository_rule(
    implementation = _version_repository_impl,
    attrs = {"version": attr.string(doc = "What native.bazel_version says.")},
)

def _bazel_version_impl(_ctx):
    _version_repository(
        name = "bazel_version",
        version = native.bazel_version,
    )

bazel_version = module_extension(
    implementation = _bazel_version_impl,
    doc = "Makes @bazel_version//:version.bzl, which defines BAZEL_VERSION, the version of the running Bazel.",
)
