"""canonical: an OCI layout whose digest depends on its content alone."""

def _canonical_impl(ctx):
    output = ctx.actions.declare_directory(ctx.label.name)
    args = ctx.actions.args()
    args.add_all("--output", [output], expand_directories = False)
    inputs = [ctx.file.layout]
    if ctx.file.annotations:
        args.add("--annotations", ctx.file.annotations)
        inputs.append(ctx.file.annotations)
    args.add_all([ctx.file.layout], expand_directories = False)
    ctx.actions.run(
        executable = ctx.executable._canonical,
        arguments = [args],
        inputs = inputs,
        outputs = [output],
        mnemonic = "OCICanonical",
        progress_message = "Writing the canonical form of %{label}",
    )
    return DefaultInfo(files = depset([output]))

canonical = rule(
    implementation = _canonical_impl,
    attrs = {
        "annotations": attr.label(
            allow_single_file = True,
            doc = "A file of name=value lines: annotations to add to the layout's only image or index.",
        ),
        "layout": attr.label(
            allow_single_file = True,
            doc = "An OCI layout, a folder: of an oci_image or an oci_image_index.",
            mandatory = True,
        ),
        "_canonical": attr.label(
            cfg = "exec",
            default = "//tools/canonical/cmd/canonical",
            executable = True,
        ),
    },
    doc = """Writes an OCI layout again in the canonical form of docs/images.md.

The result is an image or an index like any other: it goes into oci_image_index, oci_load and oci_push.""",
)
