"""Drop-in for `@container_structure_test//:defs.bzl` of container-structure-test 1.22."""

def _container_structure_test_impl(ctx):
    images = ctx.files.image
    if len(images) != 1 or images[0].extension != "tar":
        fail("{}: sealed mode supports images that are one .tar file, from the output group tarball of oci_load".format(ctx.label))
    test = ctx.actions.declare_file(ctx.label.name + ".sh")
    args = ["--archive", images[0].short_path, "--platform", ctx.attr.platform]
    for config in ctx.files.configs:
        args += ["--config", config.short_path]
    ctx.actions.write(
        test,
        "#!/bin/sh\nexec '{}' {} \"$@\"\n".format(ctx.executable._structure.short_path, " ".join(["'%s'" % arg for arg in args])),
        is_executable = True,
    )
    return DefaultInfo(
        executable = test,
        runfiles = ctx.runfiles(files = images + ctx.files.configs).merge(ctx.attr._structure[DefaultInfo].default_runfiles),
    )

_container_structure_test = rule(
    implementation = _container_structure_test_impl,
    attrs = {
        "configs": attr.label_list(allow_files = True, mandatory = True, doc = "Files of checks, schema 2.0.0."),
        "driver": attr.string(mandatory = True, values = ["tar"], doc = "How the image is looked at; sealed mode has no daemon."),
        "image": attr.label(allow_files = True, mandatory = True, doc = "The image, a .tar file as `docker save` writes it."),
        "platform": attr.string(default = "linux/amd64", doc = "The image's platform."),
        "_structure": attr.label(
            cfg = "target",
            default = "@pause//tools/structure/cmd/structure",
            executable = True,
        ),
    },
    doc = "Tests an image against files of checks.",
    test = True,
)

def container_structure_test(name, **kwargs):
    """Tests an image against files of checks in the schema 2.0.0 of container-structure-test.

    Args:
      name: name of the test.
      **kwargs: image, configs, driver ("tar"), platform, and the common attributes of tests.
    """
    _container_structure_test(name = name, **kwargs)
