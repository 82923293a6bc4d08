"""The provider of package metadata, as upstream's module of this name has it."""

PackageMetadataInfo = provider(
    doc = "Metadata of the package that a target belongs to.",
    fields = {
        "attributes": "Depset of files that hold further attributes.",
        "metadata": "File, or None.",
        "purl": "The package URL, a string.",
    },
)
