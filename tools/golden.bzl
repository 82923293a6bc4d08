"""golden: the golden file of an image, text that shows in a review what changed.

```starlark
load("@bazel_lib//lib:write_source_files.bzl", "write_source_files")
load("@pause//tools:golden.bzl", "golden")

golden(name = "app_golden", image = ":app")

write_source_files(name = "update", files = {"app.txt": ":app_golden"})
```

`bazel run :update` writes app.txt, also the first time; `bazel test :update_test`, or all tests, compares it.
"""

load(":providers.bzl", "ImageInfo")

def _golden_impl(ctx):
    output = ctx.actions.declare_file(ctx.label.name + ".txt")
    image = ctx.attr.image[ImageInfo].layout
    args = ctx.actions.args()
    args.add("golden")
    args.add_all([image], before_each = "--image", expand_directories = False)
    args.add("--output", output)
    ctx.actions.run(
        executable = ctx.executable._oci,
        arguments = [args],
        inputs = [image],
        outputs = [output],
        mnemonic = "OCIGolden",
        progress_message = "Writing the golden file %{label}",
    )
    return DefaultInfo(files = depset([output]))

golden = rule(
    implementation = _golden_impl,
    attrs = {
        "image": attr.label(
            doc = "The image or index: a target of `canonical`.",
            mandatory = True,
            providers = [ImageInfo],
        ),
        "_oci": attr.label(
            cfg = "exec",
            default = "//tools/oci/cmd/oci",
            executable = True,
        ),
    },
    doc = """Writes NAME.txt, the golden file of an image or index as it is now.

Its first line is the digest. Then come the documents, indented, and for each layer its digests and sizes; a layer of up to
16 KiB is there as a hex dump of its tar archive, without rows of zeros.""",
)
