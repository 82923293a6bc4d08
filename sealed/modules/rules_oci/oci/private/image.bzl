"""oci_image and oci_image_index: actions of the project's own tool."""

_TOOL = attr.label(
    doc = "The tool that writes OCI layouts.",
    cfg = "exec",
    default = "@pause//tools/oci/cmd/oci",
    executable = True,
)

def _flags_from_files(ctx, args, names):
    """Adds --name=FILE for every attribute that is set, and returns the files."""
    files = []
    for name in names:
        file = getattr(ctx.file, name)
        if file:
            args.add("--" + name.replace("_", "-"), file)
            files.append(file)
    return files

def _oci_image_impl(ctx):
    if not ctx.attr.base and not (ctx.attr.os and ctx.attr.architecture):
        fail("'os' and 'architecture' are mandatory when 'base' is unspecified.")
    if ctx.attr.base and (ctx.attr.os or ctx.attr.architecture or ctx.attr.variant):
        fail("'os', 'architecture' and 'variant' come from the image provided by 'base' and cannot be overridden.")
    output = ctx.actions.declare_directory(ctx.label.name)
    args = ctx.actions.args()
    args.add("image")
    args.add_all([output], before_each = "--output", expand_directories = False)
    inputs = list(ctx.files.tars)
    if ctx.attr.base:
        args.add_all([ctx.file.base], before_each = "--base", expand_directories = False)
        inputs.append(ctx.file.base)
    for name in ["os", "architecture", "variant", "user", "workdir"]:
        if getattr(ctx.attr, name):
            args.add("--" + name, getattr(ctx.attr, name))
    for layer in ctx.files.tars:
        args.add("--layer", layer)
        args.add("--created-by", layer.owner, format = "bazel build %s")
    inputs += _flags_from_files(ctx, args, [
        "annotations",
        "cmd",
        "created",
        "entrypoint",
        "env",
        "exposed_ports",
        "labels",
        "volumes",
    ])
    ctx.actions.run(
        executable = ctx.executable._tool,
        inputs = inputs,
        outputs = [output],
        arguments = [args],
        mnemonic = "OCIImage",
        progress_message = "OCI Image %{label}",
    )
    return [DefaultInfo(files = depset([output]))]

oci_image = rule(
    implementation = _oci_image_impl,
    attrs = {
        "annotations": attr.label(allow_single_file = True, doc = "A file with name=value lines."),
        "architecture": attr.string(doc = "The architecture, as GOARCH names it."),
        "base": attr.label(allow_single_file = True, doc = "The OCI layout of the image to build upon."),
        "cmd": attr.label(allow_single_file = True, doc = "A file with one argument a line."),
        "created": attr.label(allow_single_file = True, doc = "A file with a date."),
        "entrypoint": attr.label(allow_single_file = True, doc = "A file with one argument a line."),
        "env": attr.label(allow_single_file = True, doc = "A file with NAME=VALUE lines."),
        "exposed_ports": attr.label(allow_single_file = True, doc = "A file with ports, separated by commas."),
        "labels": attr.label(allow_single_file = True, doc = "A file with name=value lines."),
        "os": attr.string(doc = "The operating system, as GOOS names it."),
        "tars": attr.label_list(
            allow_files = [".tar", ".tgz", ".tar.gz", ".tzst", ".tar.zst"],
            doc = "The layers, from the lowest on.",
        ),
        "user": attr.string(doc = "The user or user:group that the container runs as."),
        "variant": attr.string(doc = "The variant of the architecture."),
        "volumes": attr.label(allow_single_file = True, doc = "A file with mount points, separated by commas."),
        "workdir": attr.string(doc = "The folder that the container starts in."),
        "_tool": _TOOL,
    },
    doc = "Writes the OCI layout of an image.",
)

def _oci_image_index_impl(ctx):
    output = ctx.actions.declare_directory(ctx.label.name)
    args = ctx.actions.args()
    args.add("index")
    args.add_all([output], before_each = "--output", expand_directories = False)
    args.add_all(ctx.files.images, before_each = "--image", expand_directories = False)
    ctx.actions.run(
        executable = ctx.executable._tool,
        inputs = ctx.files.images,
        outputs = [output],
        arguments = [args],
        mnemonic = "OCIIndex",
        progress_message = "OCI Index %{label}",
    )
    return [DefaultInfo(files = depset([output]))]

oci_image_index = rule(
    implementation = _oci_image_index_impl,
    attrs = {
        "images": attr.label_list(mandatory = True, doc = "The OCI layouts of the images, in the index's order."),
        "_tool": _TOOL,
    },
    doc = "Writes the OCI layout of a multi-architecture image.",
)

def _digest_impl(ctx):
    args = ctx.actions.args()
    args.add("digest")
    args.add_all([ctx.file.layout], before_each = "--layout", expand_directories = False)
    args.add("--output", ctx.outputs.out)
    ctx.actions.run(
        executable = ctx.executable._tool,
        inputs = [ctx.file.layout],
        outputs = [ctx.outputs.out],
        arguments = [args],
        mnemonic = "OCIDigest",
    )
    return [DefaultInfo(files = depset([ctx.outputs.out]))]

digest = rule(
    implementation = _digest_impl,
    attrs = {
        "layout": attr.label(allow_single_file = True, mandatory = True, doc = "An OCI layout."),
        "out": attr.output(mandatory = True, doc = "The file to write."),
        "_tool": _TOOL,
    },
    doc = "Writes the digest of a layout's image or index, sha256:..., and a newline.",
)
