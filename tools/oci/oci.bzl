"""What rules_oci has no rule for: archives of a whole index, OCI 1.1 artifacts, and a push that attaches them."""

_OCI = attr.label(
    doc = "The tool that writes layouts and archives.",
    cfg = "exec",
    default = "//tools/oci/cmd/oci",
    executable = True,
)

def _oci_archive_impl(ctx):
    output = ctx.actions.declare_file(ctx.label.name + ".tar")
    args = ctx.actions.args()
    args.add("archive")
    args.add("--format", "oci")
    args.add_all("--layout", [ctx.file.layout], expand_directories = False)
    args.add_all(ctx.attr.repo_tags, before_each = "--repo-tag")
    args.add("--output", output)
    ctx.actions.run(
        executable = ctx.executable._oci,
        arguments = [args],
        inputs = [ctx.file.layout],
        outputs = [output],
        mnemonic = "OCIArchive",
    )
    return DefaultInfo(files = depset([output]))

oci_archive = rule(
    implementation = _oci_archive_impl,
    attrs = {
        "layout": attr.label(allow_single_file = True, mandatory = True, doc = "An OCI layout of an image or an index."),
        "repo_tags": attr.string_list(doc = "References, such as pause:1.0.0, to call it by."),
        "_oci": _OCI,
    },
    doc = "Writes NAME.tar, an OCI layout in a tar archive (image-spec, \"Image Layout\"), the same bytes everywhere.",
)

def _oci_artifact_impl(ctx):
    output = ctx.actions.declare_directory(ctx.label.name)
    args = ctx.actions.args()
    args.add("artifact")
    args.add_all("--output", [output], expand_directories = False)
    args.add_all("--subject", [ctx.file.subject], expand_directories = False)
    args.add("--artifact-type", ctx.attr.artifact_type)
    args.add("--file", ctx.file.file)
    ctx.actions.run(
        executable = ctx.executable._oci,
        arguments = [args],
        inputs = [ctx.file.subject, ctx.file.file],
        outputs = [output],
        mnemonic = "OCIArtifact",
    )
    return DefaultInfo(files = depset([output]))

oci_artifact = rule(
    implementation = _oci_artifact_impl,
    attrs = {
        "artifact_type": attr.string(mandatory = True, doc = "Media type that says what the file is."),
        "file": attr.label(allow_single_file = True, mandatory = True, doc = "The file to attach."),
        "subject": attr.label(allow_single_file = True, mandatory = True, doc = "The OCI layout of what it is attached to."),
        "_oci": _OCI,
    },
    doc = "Writes the OCI layout of an artifact whose manifest names its subject (image-spec 1.1, \"Guidelines for Artifact Usage\").",
)

_PUSH = """\
#!/bin/sh
set -eu
runfiles=${{RUNFILES_DIR:-$0.runfiles}}/{workspace}
exec "$runfiles/{tool}" push --layout "$runfiles/{image}" {referrers} "$@"
"""

def _image_push_impl(ctx):
    launcher = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        launcher,
        _PUSH.format(
            image = ctx.file.image.short_path,
            referrers = " ".join(["--referrer \"$runfiles/{}\"".format(file.short_path) for file in ctx.files.referrers]),
            tool = ctx.executable._push.short_path,
            workspace = ctx.workspace_name,
        ),
        is_executable = True,
    )
    runfiles = ctx.runfiles(files = [ctx.file.image] + ctx.files.referrers)
    return DefaultInfo(
        executable = launcher,
        runfiles = runfiles.merge(ctx.attr._push[DefaultInfo].default_runfiles),
    )

image_push = rule(
    implementation = _image_push_impl,
    attrs = {
        "image": attr.label(allow_single_file = True, mandatory = True, doc = "The OCI layout of an image or an index."),
        "referrers": attr.label_list(allow_files = True, doc = "OCI layouts of artifacts that are attached to it."),
        "_push": attr.label(
            cfg = "target",
            default = "//tools/oci/cmd/ocipush",
            executable = True,
        ),
    },
    doc = """`bazel run`: pushes an image by its digest, then what refers to it, and its tags last.

So a tag never names an image that is not whole. --repository=REGISTRY/NAME and --tag=TAG are given on the command line;
credentials come from the usual Docker configuration.""",
    executable = True,
)
