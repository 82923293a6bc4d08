"""layer: the layer of an image, made of one file.

```starlark
load("@pause//tools:layer.bzl", "layer")
load("@rules_oci//oci:defs.bzl", "oci_image")

layer(name = "app_layer", src = ":app", path = "app")

oci_image(name = "app_oci", tars = [":app_layer"], ...)
```
"""

load(":action.bzl", "OCI", "run_oci")

def _layer_impl(ctx):
    return run_oci(
        ctx,
        "Layer",
        "layer",
        ctx.actions.declare_file(ctx.label.name + ".tar.gz"),
        arguments = ["--name", ctx.attr.path, ctx.file.src],
        inputs = depset([ctx.file.src]),
    )

layer = rule(
    implementation = _layer_impl,
    attrs = {
        "path": attr.string(
            mandatory = True,
            doc = "The file's path in the image, without a slash in front.",
        ),
        "src": attr.label(
            allow_single_file = True,
            doc = "The file.",
            mandatory = True,
        ),
        "_oci": OCI,
    },
    doc = """Writes NAME.tar.gz, a layer with one file: USTAR, mode 0555, owner 0:0, no date, gzip. It provides DefaultInfo alone.

For archives of up to 8 KiB a bounded search finds a small form, and the bytes depend on the file's content and its path alone. Larger
ones are compressed by compress/flate, so their bytes also depend on the Go release.""",
)
