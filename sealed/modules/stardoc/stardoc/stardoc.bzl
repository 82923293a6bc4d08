"""Drop-in for `@stardoc//stardoc:stardoc.bzl` of Stardoc 0.8.1: the renderer of Debian's package, run by the root's Java.

Upstream's is a java_binary, which needs a Java toolchain that would be downloaded.
"""

_STARDOC = "/usr/share/bazel/tools/stardoc/stardoc"

# The templates, by the flags that name them.
_TEMPLATES = ["aspect", "func", "header", "macro", "module_extension", "provider", "repository_rule", "rule"]

def _render_impl(ctx):
    args = ctx.actions.args()
    args.add("-jar", _STARDOC + "/renderer_prebuilt.jar")
    args.add(ctx.file.src, format = "--input=%s")
    args.add(ctx.outputs.out, format = "--output=%s")
    for name in _TEMPLATES:
        args.add("--{0}_template={1}/templates/markdown_tables/{0}.vm".format(name, _STARDOC))
    ctx.actions.run_shell(
        command = "for java in /usr/lib/jvm/*/bin/java; do exec \"$java\" \"$@\"; done",
        arguments = [args],
        inputs = [ctx.file.src],
        outputs = [ctx.outputs.out],
        mnemonic = "Renderer",
    )

_render = rule(
    implementation = _render_impl,
    attrs = {
        "out": attr.output(doc = "The file to write.", mandatory = True),
        "src": attr.label(allow_single_file = [".binaryproto"], doc = "What Bazel extracted.", mandatory = True),
    },
    doc = "Renders documentation as Markdown.",
)

def stardoc(name, input, out, deps = [], tags = []):
    """Writes the documentation of a .bzl file.

    Args:
      name: name of the target.
      input: the .bzl file.
      out: the Markdown file to write.
      deps: bzl_library targets of what it loads.
      tags: tags of all targets.
    """
    native.starlark_doc_extract(
        name = name + ".extract",
        src = input,
        render_main_repo_name = True,
        tags = tags,
        deps = deps,
    )
    _render(
        name = name,
        src = name + ".extract",
        out = out,
        tags = tags,
    )
