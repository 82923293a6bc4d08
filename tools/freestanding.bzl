"""freestanding_binary: a Go program without the Go runtime, as the smallest ELF file that follows the specification.

```starlark
load("@pause//tools:freestanding.bzl", "freestanding_binary")

freestanding_binary(
    name = "true",
    srcs = [
        "true.go",
        "true_amd64.s",
        "true_arm64.s",
    ],
    goarch = select({
        "@platforms//cpu:aarch64": "arm64",
        "@platforms//cpu:x86_64": "amd64",
    }),
)
```

docs/freestanding.md says what such a program must have, and tests/consumer has one. One action compiles,
assembles, links and packs. It needs this module's Go SDK, which the root module's SDKs do not replace, and no standard library,
so every architecture costs the same.
"""

load("@rules_go//go:def.bzl", "GoSDK")

def _freestanding_binary_impl(ctx):
    if not ctx.attr.goarch:
        fail(("{}: goarch is empty: give the name of a Go port, or use target_compatible_with to exclude the platforms that " +
              "the program is not written for").format(ctx.label))
    sdk = ctx.attr._sdk[GoSDK]
    output = ctx.actions.declare_file(ctx.label.name)
    args = ctx.actions.args()
    args.add("--sdk", sdk.root_file.dirname)
    args.add("--goarch", ctx.attr.goarch)
    args.add("--program", ctx.attr.program or ctx.label.name)
    args.add("--version", ctx.attr.version)
    args.add("--output", output)
    args.add_all(ctx.files.srcs)
    ctx.actions.run(
        executable = ctx.executable._freestanding,
        arguments = [args],
        inputs = depset(ctx.files.srcs + [sdk.root_file], transitive = [sdk.headers, sdk.tools]),
        outputs = [output],
        mnemonic = "GoFreestanding",
        progress_message = "Building %{label} without a runtime",
    )
    return DefaultInfo(
        executable = output,
        files = depset([output]),
    )

freestanding_binary = rule(
    implementation = _freestanding_binary_impl,
    attrs = {
        "goarch": attr.string(
            doc = "The architecture, as GOARCH names it; may be a select() on the target platform. Empty is an error, so that a select() can leave platforms out.",
        ),
        "program": attr.string(
            doc = """The program's name, in the text `version`: 1 to 64 characters of printable ASCII, no blanks.

By default the name of the target.""",
        ),
        "srcs": attr.label_list(
            allow_files = [".go", ".s"],
            doc = """The sources of all architectures: Go files, and one assembly file for each architecture.

File names and build constraints choose, as in a Go package. The build tag `freestanding` is set.""",
            mandatory = True,
        ),
        "version": attr.string(
            default = "0",
            doc = "The program's version, in the text `version`: 1 to 20 characters of printable ASCII, no blanks.",
        ),
        "_freestanding": attr.label(
            cfg = "exec",
            default = "//tools/freestanding/cmd/freestanding",
            executable = True,
        ),
        "_sdk": attr.label(
            cfg = "exec",
            default = "//tools:exec_go_sdk",
            providers = [GoSDK],
        ),
    },
    doc = """Builds a Go program that does without the Go runtime and the standard library.

Its output is the executable NAME, for Linux. It provides DefaultInfo alone, and goes into `layer` or `bazel run`.""",
    executable = True,
)
