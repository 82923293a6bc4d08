"""Drop-in for `@rules_oci//oci:defs.bzl` of rules_oci 2.3: oci_image, oci_image_index, oci_load and oci_push.

They have upstream's names, outputs and attributes, as far as this repository uses them. Bazel itself refuses any other
attribute by its name. Images are in canonical form at once, and there are no `.digest` targets.
"""

load("@bazel_lib//lib:paths.bzl", "to_rlocation_path")

_OCI = attr.label(
    cfg = "exec",
    default = "@pause//sealed/oci",
    executable = True,
)

def _run(ctx, command, output, args, inputs):
    ctx.actions.run(
        executable = ctx.executable._oci,
        arguments = [command, args],
        inputs = inputs,
        outputs = [output],
        mnemonic = "OCI" + command.capitalize(),
    )

def _oci_image_impl(ctx):
    if not ctx.attr.base and not (ctx.attr.os and ctx.attr.architecture):
        fail("'os' and 'architecture' are mandatory when 'base' is unspecified.")
    if ctx.attr.base and (ctx.attr.os or ctx.attr.architecture or ctx.attr.variant):
        fail("'os', 'architecture' and 'variant' come from the image provided by 'base' and cannot be overridden.")
    output = ctx.actions.declare_directory(ctx.label.name)
    args = ctx.actions.args()
    args.add_all([output], before_each = "--output", expand_directories = False)
    args.add_all(ctx.files.base, before_each = "--base", expand_directories = False)
    args.add("--os", ctx.attr.os)
    args.add("--architecture", ctx.attr.architecture)
    args.add("--variant", ctx.attr.variant)
    args.add("--user", ctx.attr.user)
    args.add_all(ctx.attr.entrypoint, before_each = "--entrypoint")
    args.add_all(ctx.files.tars, before_each = "--layer")
    _run(ctx, "image", output, args, ctx.files.base + ctx.files.tars)
    return DefaultInfo(files = depset([output]))

oci_image = rule(
    implementation = _oci_image_impl,
    attrs = {
        "architecture": attr.string(doc = "The architecture, as GOARCH names it."),
        "base": attr.label(allow_single_file = True, doc = "The image to build upon."),
        "entrypoint": attr.string_list(doc = "The entrypoint."),
        "os": attr.string(doc = "The operating system, as GOOS names it."),
        "tars": attr.label_list(allow_files = [".tar", ".tgz", ".tar.gz"], doc = "The layers, from the lowest on."),
        "user": attr.string(doc = "The user or user:group that the container runs as."),
        "variant": attr.string(doc = "The variant of the architecture."),
        "_oci": _OCI,
    },
    doc = "Makes the OCI layout of an image.",
)

def _oci_image_index_impl(ctx):
    output = ctx.actions.declare_directory(ctx.label.name)
    args = ctx.actions.args()
    args.add_all([output], before_each = "--output", expand_directories = False)
    args.add_all(ctx.files.images, before_each = "--image", expand_directories = False)
    _run(ctx, "index", output, args, ctx.files.images)
    return DefaultInfo(files = depset([output]))

oci_image_index = rule(
    implementation = _oci_image_index_impl,
    attrs = {
        "images": attr.label_list(mandatory = True, doc = "The images, in the index's order."),
        "_oci": _OCI,
    },
    doc = "Makes the OCI layout of a multi-architecture image.",
)

_LOAD = """\
#!/bin/sh
set -eu
runfiles=${{RUNFILES_DIR:-$0.runfiles}}
exec "$runfiles/{loader}" load --input "$runfiles/{archive}"
"""

def _oci_load_impl(ctx):
    archive = ctx.actions.declare_file(ctx.label.name + "/tarball.tar")
    args = ctx.actions.args()
    args.add("--output", archive)
    args.add_all([ctx.file.image], before_each = "--image", expand_directories = False)
    args.add_all(ctx.attr.repo_tags, before_each = "--repo-tag")
    _run(ctx, "archive", archive, args, [ctx.file.image])
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        script,
        _LOAD.format(archive = to_rlocation_path(ctx, archive), loader = to_rlocation_path(ctx, ctx.executable.loader)),
        is_executable = True,
    )
    return [
        DefaultInfo(executable = script, runfiles = ctx.runfiles([archive, ctx.executable.loader])),
        OutputGroupInfo(tarball = depset([archive])),
    ]

oci_load = rule(
    implementation = _oci_load_impl,
    attrs = {
        "image": attr.label(allow_single_file = True, mandatory = True, doc = "The image."),
        "loader": attr.label(
            allow_files = True,
            cfg = "target",
            executable = True,
            mandatory = True,
            doc = "The engine, which is given the arguments load --input ARCHIVE. Upstream has a default.",
        ),
        "repo_tags": attr.string_list(doc = "References such as pause:latest to call it by."),
        "_oci": _OCI,
    },
    doc = "Loads an image into a container engine. The output group `tarball` has the archive.",
    executable = True,
)

_PUSH = """\
#!/bin/sh
set -eu
runfiles=${{RUNFILES_DIR:-$0.runfiles}}
exec "$runfiles/{push}" --image "$runfiles/{image}" --repository '{repository}' "$@"
"""

def _oci_push_impl(ctx):
    script = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        script,
        _PUSH.format(
            image = to_rlocation_path(ctx, ctx.file.image),
            push = to_rlocation_path(ctx, ctx.executable._push),
            repository = ctx.attr.repository,
        ),
        is_executable = True,
    )
    runfiles = ctx.runfiles([ctx.file.image]).merge(ctx.attr._push[DefaultInfo].default_runfiles)
    return DefaultInfo(executable = script, runfiles = runfiles)

oci_push = rule(
    implementation = _oci_push_impl,
    attrs = {
        "image": attr.label(allow_single_file = True, mandatory = True, doc = "The image or index."),
        "repository": attr.string(mandatory = True, doc = "The repository to push to; --repository says another."),
        "_push": attr.label(cfg = "exec", default = "@pause//tools/release/push", executable = True),
    },
    doc = "Pushes an image or an index.",
    executable = True,
)
