"""What rules_oci has no rule for: the canonical form of an image, archives of a whole index, and OCI 1.1 artifacts.

```starlark
load("@pause//tools:oci.bzl", "canonical", "oci_archive")
load("@rules_oci//oci:defs.bzl", "oci_image")

oci_image(name = "app_oci", ...)

canonical(name = "app", image = ":app_oci")

oci_archive(name = "archive", image = ":app", repo_tags = ["app:1.0.0"])
```
"""

load(":providers.bzl", "ImageInfo")

_OCI = attr.label(
    doc = "The program that does the work.",
    cfg = "exec",
    default = "//tools/oci/cmd/oci",
    executable = True,
)

_IMAGE = attr.label(
    doc = "The image or index: a target of `canonical`.",
    mandatory = True,
    providers = [ImageInfo],
)

def _canonical_impl(ctx):
    image = ctx.file.image
    if not image.is_directory:
        fail("{}: image is {}, a file; want an OCI layout, a folder, such as oci_image and oci_image_index make".format(
            ctx.label,
            image.short_path,
        ))
    output = ctx.actions.declare_directory(ctx.label.name)
    args = ctx.actions.args()
    args.add("canonical")
    args.add_all([image], before_each = "--image", expand_directories = False)
    args.add_all([output], before_each = "--output", expand_directories = False)
    for name, value in ctx.attr.annotations.items():
        args.add("--annotation", "{}={}".format(name, value))
    ctx.actions.run(
        executable = ctx.executable._oci,
        arguments = [args],
        # The runfiles, because the blobs of an oci_image may be links to its layers.
        inputs = depset([image], transitive = [ctx.attr.image[DefaultInfo].default_runfiles.files]),
        outputs = [output],
        mnemonic = "OCICanonical",
        progress_message = "Writing the canonical form of %{label}",
    )
    return [DefaultInfo(files = depset([output])), ImageInfo(layout = output)]

canonical = rule(
    implementation = _canonical_impl,
    attrs = {
        "annotations": attr.string_dict(
            doc = "Annotations to add to the manifest or index (image-spec, \"Annotations\").",
        ),
        "image": attr.label(
            allow_single_file = True,
            doc = "The image or index: a target of oci_image or oci_image_index, or any OCI layout that is a folder.",
            mandatory = True,
        ),
        "_oci": _OCI,
    },
    doc = """Writes an OCI image or index in canonical form, so that its digest depends on its content alone.

docs/images.md describes the form. Its output is the folder NAME, an image or index like any other: it goes into oci_load,
oci_push and, as base, into oci_image.""",
    provides = [ImageInfo],
)

def _oci_archive_impl(ctx):
    output = ctx.actions.declare_file(ctx.label.name + (".txt" if ctx.attr.text else ".tar"))
    image = ctx.attr.image[ImageInfo].layout
    args = ctx.actions.args()
    args.add("archive")
    if ctx.attr.text:
        args.add("--text")
    args.add_all([image], before_each = "--image", expand_directories = False)
    args.add_all(ctx.attr.repo_tags, before_each = "--repo-tag")
    args.add("--output", output)
    ctx.actions.run(
        executable = ctx.executable._oci,
        arguments = [args],
        inputs = [image],
        outputs = [output],
        mnemonic = "OCIArchive",
    )
    return DefaultInfo(files = depset([output]))

oci_archive = rule(
    implementation = _oci_archive_impl,
    attrs = {
        "image": _IMAGE,
        "repo_tags": attr.string_list(doc = "References to call it by, each with a tag, such as pause:1.0.0."),
        "text": attr.bool(doc = "Whether to write NAME.txt in place of NAME.tar: the archive, compressed by gzip, as one line of base64."),
        "_oci": _OCI,
    },
    doc = """Writes NAME.tar, an image or a whole index as an OCI layout in a tar archive (image-spec, "Image Layout").

`skopeo copy oci-archive:NAME.tar ...` and `ctr image import NAME.tar` read it. It has the same bytes everywhere.""",
)

def _oci_artifact_impl(ctx):
    output = ctx.actions.declare_directory(ctx.label.name)
    image = ctx.attr.image[ImageInfo].layout
    args = ctx.actions.args()
    args.add("artifact")
    args.add_all([image], before_each = "--image", expand_directories = False)
    args.add("--artifact-type", ctx.attr.artifact_type)
    args.add("--file", ctx.file.file)
    args.add_all([output], before_each = "--output", expand_directories = False)
    ctx.actions.run(
        executable = ctx.executable._oci,
        arguments = [args],
        inputs = [image, ctx.file.file],
        outputs = [output],
        mnemonic = "OCIArtifact",
    )
    return DefaultInfo(files = depset([output]))

oci_artifact = rule(
    implementation = _oci_artifact_impl,
    attrs = {
        "artifact_type": attr.string(
            doc = "Media type that says what the file is, such as application/spdx+json.",
            mandatory = True,
        ),
        "file": attr.label(allow_single_file = True, doc = "The file to attach.", mandatory = True),
        "image": _IMAGE,
        "_oci": _OCI,
    },
    doc = """Writes the folder NAME, an OCI layout of an artifact that attaches a file, such as an SBOM, to an image.

The artifact's manifest names the image as its subject (image-spec 1.1, "Guidelines for Artifact Usage"), so that a registry
lists it as a referrer of the image. The image's digest does not change.""",
)
