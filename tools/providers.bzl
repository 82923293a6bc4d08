"""Providers of the rules in this folder."""

ImageInfo = provider(
    doc = """An OCI image, or an index of images, whose digest is a function of its content alone.

`canonical` provides it; `oci_archive`, `oci_artifact` and `golden` require it, so that another label fails at analysis. The
rules of rules_oci have no provider of their own; they accept such a target because the folder is its only output.""",
    fields = {
        "layout": "File: the folder of the image, an OCI layout (image-spec 1.1) with one image or one index.",
    },
)
