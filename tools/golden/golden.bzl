"""golden: the golden file of an image or of an image index."""

load("//tools:tool_test.bzl", "tool_test")

def _golden_impl(ctx):
    output = ctx.actions.declare_file(ctx.label.name + ".txt")
    args = ctx.actions.args()
    args.add("write")
    args.add_all("--layout", [ctx.file.layout], expand_directories = False)
    args.add("--output", output)
    ctx.actions.run(
        executable = ctx.executable._golden,
        arguments = [args],
        inputs = [ctx.file.layout],
        outputs = [output],
        mnemonic = "GoldenFile",
        progress_message = "Writing the golden file of %{label}",
    )
    return DefaultInfo(files = depset([output]))

golden = rule(
    implementation = _golden_impl,
    doc = """Writes NAME.txt, the golden file of what an OCI layout has now: its digest, and what the digest covers.

Copied into the source tree (write_source_files does that), it is what structure_test compares with.""",
    attrs = {
        "layout": attr.label(
            mandatory = True,
            allow_single_file = True,
            doc = "An OCI layout, a folder, whose index.json points to one image or one image index.",
        ),
        "_golden": attr.label(
            default = "//tools/golden/cmd/golden",
            executable = True,
            cfg = "exec",
        ),
    },
)

def golden_test(name, layout, golden, accept = None, **kwargs):
    """Tests that an image or an image index has the digest of its golden file; a failure names every difference.

    Args:
      name: name of the test.
      layout: label of an OCI layout, a folder, whose index.json points to one image or one image index.
      golden: golden file, whose first line is the digest.
      accept: command that writes the golden file anew, which a failure names: bazel run of a write_source_files, say.
      **kwargs: common attributes of tests.
    """
    args = ["check", "--layout=$(rootpath {})".format(layout), "--golden=$(rootpath {})".format(golden)]
    if accept:
        # Bazel splits arguments as a shell does.
        args.append("'--accept={}'".format(accept))
    kwargs.setdefault("size", "small")
    tool_test(
        name = name,
        args = args,
        data = [layout, golden],
        tool = Label("//tools/golden/cmd/golden"),
        **kwargs
    )
