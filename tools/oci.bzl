"""What rules_oci has no rule for: the canonical form of an image, archives of a whole index, and OCI 1.1 artifacts.

```starlark
load("@pause//tools:oci.bzl", "canonical", "oci_archive")
load("@rules_oci//oci:defs.bzl", "oci_image")

oci_image(name = "app_oci", ...)

canonical(name = "app", image = ":app_oci")

oci_archive(name = "archive", image = ":app", repo_tags = ["app:1.0.0"])
```
"""

load(":action.bzl", "IMAGE", "OCI", "run_oci")
load(":providers.bzl", "ImageInfo")

def _canonical_impl(ctx):
    output = ctx.actions.declare_directory(ctx.label.name)
    default = run_oci(
        ctx,
        "OCICanonical",
        "canonical",
        output,
        image = ctx.file.image,
        arguments = ["--annotation={}={}".format(name, value) for name, value in ctx.attr.annotations.items()],
        # The blobs of an oci_image may be links to its layers.
        inputs = ctx.attr.image[DefaultInfo].default_runfiles.files,
    )
    return [default, ImageInfo(layout = output)]

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
        "_oci": OCI,
    },
    doc = """Writes an OCI image or index in canonical form, so that its digest depends on its content alone.

docs/images.md describes the form. Its output is the folder NAME, an image or index like any other: it goes into oci_load,
oci_push and, as base, into oci_image.""",
    provides = [ImageInfo],
)

def _oci_archive_impl(ctx):
    return run_oci(
        ctx,
        "OCIArchive",
        "archive",
        ctx.actions.declare_file(ctx.label.name + (".txt" if ctx.attr.text else ".tar")),
        image = ctx.attr.image[ImageInfo].layout,
        arguments = (["--text"] if ctx.attr.text else []) + ["--repo-tag=" + tag for tag in ctx.attr.repo_tags],
    )

oci_archive = rule(
    implementation = _oci_archive_impl,
    attrs = {
        "image": IMAGE,
        "repo_tags": attr.string_list(doc = "Names with a tag, such as pause:1.0.0, under which engines load it."),
        "text": attr.bool(doc = "Whether to write NAME.txt in place of NAME.tar: the archive, compressed by gzip, as one line of base64."),
        "_oci": OCI,
    },
    doc = """Writes NAME.tar, an image or a whole index as an OCI layout in a tar archive (image-spec, "Image Layout").

`podman load`, `docker load`, `ctr image import` and `skopeo copy oci-archive:NAME.tar ...` read it. Engines that know OCI layouts keep
the digest. Docker's classic image store does not: it reads manifest.json, which the archive has too, and calls the images of
an index by their architectures, such as pause:1.0.0-arm64. The bytes are the same on every machine.""",
)

def _oci_artifact_impl(ctx):
    return run_oci(
        ctx,
        "OCIArtifact",
        "artifact",
        ctx.actions.declare_directory(ctx.label.name),
        image = ctx.attr.image[ImageInfo].layout,
        arguments = ["--artifact-type", ctx.attr.artifact_type, "--file", ctx.file.file],
        inputs = depset([ctx.file.file]),
    )

oci_artifact = rule(
    implementation = _oci_artifact_impl,
    attrs = {
        "artifact_type": attr.string(
            doc = "Media type that says what the file is, such as application/spdx+json.",
            mandatory = True,
        ),
        "file": attr.label(allow_single_file = True, doc = "The file to attach.", mandatory = True),
        "image": IMAGE,
        "_oci": OCI,
    },
    doc = """Writes the folder NAME, an OCI layout of an artifact that attaches a file, such as an SBOM, to an image.

The artifact's manifest names the image as its subject (image-spec 1.1, "Guidelines for Artifact Usage"), so that a registry
lists it as a referrer of the image. The image's digest does not change.""",
)
