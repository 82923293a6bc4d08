"""The package_metadata macro, as far as the repositories that Gazelle generates use it."""

load("//providers:package_metadata_info.bzl", "PackageMetadataInfo")

def _package_metadata_impl(ctx):
    return [PackageMetadataInfo(attributes = depset(), metadata = None, purl = ctx.attr.purl)]

_package_metadata = rule(
    implementation = _package_metadata_impl,
    attrs = {"purl": attr.string(doc = "The package URL.")},
    doc = "Holds the package URL.",
)

def package_metadata(name, purl, attributes = [], **kwargs):  # buildifier: disable=unused-variable
    """Declares the metadata of a package.

    Args:
      name: the name of the target.
      purl: the package URL (https://github.com/package-url/purl-spec).
      attributes: ignored.
      **kwargs: passed on.
    """

    # This target is what REPO.bazel names as default_package_metadata, so it must not depend on itself.
    kwargs.pop("applicable_licenses", None)
    _package_metadata(name = name, purl = purl, applicable_licenses = [], **kwargs)
