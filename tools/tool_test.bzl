"""tool_test: a test that is one of the commands of tools/, called with some arguments."""

def _tool_test_impl(ctx):
    # A test runs one executable; its arguments come from the attribute args, which every test rule has.
    test = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = test, target_file = ctx.executable.tool, is_executable = True)
    return DefaultInfo(
        executable = test,
        runfiles = ctx.runfiles(files = ctx.files.data).merge(ctx.attr.tool[DefaultInfo].default_runfiles),
    )

tool_test = rule(
    implementation = _tool_test_impl,
    attrs = {
        "data": attr.label_list(
            allow_files = True,
            doc = "The files that args name.",
        ),
        "tool": attr.label(
            cfg = "target",
            doc = "The command; it exits with 0 if the test passed.",
            executable = True,
            mandatory = True,
        ),
    },
    doc = "Runs a command as a test.",
    test = True,
)
