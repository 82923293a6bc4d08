"""opt: the files of a target as a build with --compilation_mode=opt makes them."""

_opt_transition = transition(
    implementation = lambda _settings, _attr: {"//command_line_option:compilation_mode": "opt"},
    inputs = [],
    outputs = ["//command_line_option:compilation_mode"],
)

def _opt_impl(ctx):
    return DefaultInfo(files = ctx.attr.target[0][DefaultInfo].files)

opt = rule(
    implementation = _opt_impl,
    attrs = {
        "target": attr.label(
            cfg = _opt_transition,
            doc = "What to build.",
            mandatory = True,
        ),
    },
    doc = "Hands on the files of a target, built with --compilation_mode=opt whatever the command line says.",
)
