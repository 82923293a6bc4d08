"""oci_load and oci_push: programs that `bazel run` starts on the user's machine."""

_RUN_TOOL = attr.label(
    doc = "The tool that talks to engines and registries.",
    cfg = "target",
    default = "@pause//tools/oci/cmd/ocipush",
    executable = True,
)

# The runfiles of a program are in the folder beside it, or in the one of the program that called it.
_LAUNCHER = """\
#!/bin/sh
set -eu
runfiles=${{RUNFILES_DIR:-$0.runfiles}}
exec "$runfiles/{tool}" {command} --layout "$runfiles/{layout}" {flags} "$@"
"""

def _runfiles_path(ctx, file):
    return file.short_path[len("../"):] if file.short_path.startswith("../") else ctx.workspace_name + "/" + file.short_path

def _launcher(ctx, command, layout, flags = [], files = []):
    launcher = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        launcher,
        _LAUNCHER.format(
            command = command,
            flags = " ".join(flags),
            layout = _runfiles_path(ctx, layout),
            tool = _runfiles_path(ctx, ctx.executable._tool),
        ),
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = [layout] + files).merge(ctx.attr._tool[DefaultInfo].default_runfiles)
    return DefaultInfo(executable = launcher, files = depset([launcher]), runfiles = runfiles)

def _lines_flag(ctx, flag, file):
    """The flag that reads a file of lines, for the launcher's command line."""
    return ["--{} \"$runfiles/{}\"".format(flag, _runfiles_path(ctx, file))] if file else []

def _oci_load_impl(ctx):
    tarball = ctx.actions.declare_file(ctx.label.name + "/tarball.tar")
    args = ctx.actions.args()
    args.add("archive")
    args.add("--format", ctx.attr.format)
    args.add_all([ctx.file.image], before_each = "--layout", expand_directories = False)
    args.add("--repo-tags", ctx.file.repo_tags)
    args.add("--output", tarball)
    ctx.actions.run(
        executable = ctx.executable._archiver,
        inputs = [ctx.file.image, ctx.file.repo_tags],
        outputs = [tarball],
        arguments = [args],
        mnemonic = "OCITarball",
    )
    info = _launcher(
        ctx,
        "load",
        ctx.file.image,
        flags = ["--format", ctx.attr.format] + _lines_flag(ctx, "repo-tags", ctx.file.repo_tags),
        files = [ctx.file.repo_tags],
    )
    return [info, OutputGroupInfo(tarball = depset([tarball]))]

oci_load = rule(
    implementation = _oci_load_impl,
    attrs = {
        "format": attr.string(default = "docker", values = ["docker", "oci"], doc = "The form of the archive."),
        "image": attr.label(allow_single_file = True, mandatory = True, doc = "The OCI layout of the image."),
        "repo_tags": attr.label(allow_single_file = [".txt"], mandatory = True, doc = "A file with one reference a line."),
        "_archiver": attr.label(
            doc = "The tool that writes archives.",
            cfg = "exec",
            default = "@pause//tools/oci/cmd/oci",
            executable = True,
        ),
        "_tool": _RUN_TOOL,
    },
    doc = "Loads an image into docker or podman.",
    executable = True,
)

def _oci_push_impl(ctx):
    flags = _lines_flag(ctx, "tags", ctx.file.remote_tags)
    if ctx.attr.repository:
        if "@" in ctx.attr.repository or ":" in ctx.attr.repository.split("/")[-1]:
            fail("`repository` attribute should not contain digest or tag. got: " + ctx.attr.repository)
        flags += ["--repository", "'" + ctx.attr.repository + "'"]
    return _launcher(ctx, "push", ctx.file.image, flags, [ctx.file.remote_tags] if ctx.file.remote_tags else [])

oci_push = rule(
    implementation = _oci_push_impl,
    attrs = {
        "image": attr.label(allow_single_file = True, mandatory = True, doc = "The OCI layout of an image or index."),
        "remote_tags": attr.label(allow_single_file = True, doc = "A file with one tag a line."),
        "repository": attr.string(doc = "The repository to push to; --repository overrides it."),
        "_tool": _RUN_TOOL,
    },
    doc = "Pushes an image or an index.",
    executable = True,
)
