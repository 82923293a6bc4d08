"""What registries show about the image: annotations of the index (image-spec, "Annotations")."""

# The version of the program and of the image.
VERSION = "1.0.0"

ANNOTATIONS = {
    "org.opencontainers.image.base.name": "scratch",
    "org.opencontainers.image.description": "A pause container of less than 1,024 bytes: sleeps, reaps orphans, honours SIGTERM",
    "org.opencontainers.image.licenses": "Apache-2.0",
    "org.opencontainers.image.title": "pause",
    "org.opencontainers.image.version": VERSION,
}
