"""Drop-in for `@container_structure_test//:defs.bzl` of container-structure-test 1.22, with driver = "tar"."""

def _impl(ctx):
    test = ctx.actions.declare_file(ctx.label.name + ".sh")
    ctx.actions.write(
        test,
        "#!/bin/sh\nexec " + " ".join(["'{}'".format(file.short_path) for file in [ctx.executable._structure, ctx.file.image] + ctx.files.configs]),
        is_executable = True,
    )
    return DefaultInfo(
        executable = test,
        runfiles = ctx.runfiles([ctx.file.image] + ctx.files.configs).merge(ctx.attr._structure[DefaultInfo].default_runfiles),
    )

container_structure_test = rule(
    implementation = _impl,
    attrs = {
        "configs": attr.label_list(allow_files = [".yaml"], mandatory = True, doc = "Files of checks, schema 2.0.0."),
        "driver": attr.string(mandatory = True, values = ["tar"], doc = "How the image is looked at."),
        "image": attr.label(allow_single_file = [".tar"], mandatory = True, doc = "The image, as `docker save` writes it."),
        "platform": attr.string(doc = "The image's platform. It says what the docker driver runs."),
        "_structure": attr.label(cfg = "exec", default = "@pause//sealed/structure", executable = True),
    },
    doc = "Tests an image against files of checks.",
    test = True,
)
