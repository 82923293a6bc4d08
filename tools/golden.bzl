"""golden: the golden file of an image, text that shows in a review what changed.

```starlark
load("@bazel_lib//lib:write_source_files.bzl", "write_source_files")
load("@pause//tools:golden.bzl", "golden")

golden(name = "app_golden", image = ":app")

write_source_files(name = "update", files = {"app.txt": ":app_golden"})
```

`bazel run :update` writes app.txt, also the first time; `bazel test :update_test`, or all tests, compares it.
"""

load(":action.bzl", "IMAGE", "OCI", "run_oci")
load(":providers.bzl", "ImageInfo")

def _golden_impl(ctx):
    output = ctx.actions.declare_file(ctx.label.name + ".txt")
    return run_oci(ctx, "OCIGolden", "golden", output, image = ctx.attr.image[ImageInfo].layout)

golden = rule(
    implementation = _golden_impl,
    attrs = {
        "image": IMAGE,
        "_oci": OCI,
    },
    doc = """Writes NAME.txt, the golden file of an image or index as it is now.

Its first line is the digest. Then come the documents, indented, and for each layer its digests and sizes; a layer of up to
16 KiB is there as a hex dump of its tar archive, without rows of zeros.""",
)
