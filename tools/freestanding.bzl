"""freestanding_binary: a Go program without the Go runtime, packed into the tightest conformant ELF file.

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

[freestanding.md](freestanding.md) explains what such a program may do, and tests/consumer has one. One action compiles,
assembles, links and packs. It needs this module's Go SDK, which the root module's SDKs do not replace, and no standard library,
so every architecture costs the same.
"""

load("@rules_go//go:def.bzl", "GoSDK")

def _freestanding_binary_impl(ctx):
    if not ctx.attr.goarch:
        fail(("{}: goarch is empty: give the name of a Go port, or keep the target from platforms that it is not written " +
              "for by target_compatible_with").format(ctx.label))
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
            doc = "The architecture, as GOARCH names it; may be a select() on the target platform. Empty is an error.",
        ),
        "program": attr.string(
            doc = """What the program says its name is: 1 to 64 characters of printable ASCII, no blanks.

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
            doc = "What the program says its version is: 1 to 20 characters of printable ASCII, no blanks.",
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
