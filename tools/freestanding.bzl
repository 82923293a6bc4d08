"""freestanding_binary: a Go program without the Go runtime, packed into the tightest conformant ELF file.

docs/freestanding.md explains how. One action compiles, assembles, links and packs: it needs the Go SDK of the execution
platform and nothing of the target's, so no standard library is compiled, and every architecture costs the same.
"""

load("@rules_go//go:def.bzl", "GoSDK")

# The Go release whose compiler, assembler and linker make the bytes: that of go.mod, which the module declares an SDK of.
GO_VERSION = "1.26.8"

_GO_TOOLCHAIN = "@rules_go//go:toolchain"

# The root module's SDKs come first in toolchain resolution, and another release would make other bytes, or none.
_own_go = transition(
    implementation = lambda _settings, _attr: {
        "@rules_go//go/toolchain:sdk_name": "",
        "@rules_go//go/toolchain:sdk_version": GO_VERSION,
    },
    inputs = [],
    outputs = [
        "@rules_go//go/toolchain:sdk_name",
        "@rules_go//go/toolchain:sdk_version",
    ],
)

def _exec_go_sdk_impl(ctx):
    sdk = ctx.toolchains[_GO_TOOLCHAIN].sdk
    return [
        sdk,
        DefaultInfo(
            files = depset([sdk.root_file]),
            runfiles = ctx.runfiles([sdk.root_file], transitive_files = depset(transitive = [sdk.headers, sdk.tools])),
        ),
    ]

exec_go_sdk = rule(
    implementation = _exec_go_sdk_impl,
    cfg = _own_go,
    doc = """Hands on this module's Go SDK, of release GO_VERSION, for the platform that it is built for.

Depended on in the execution configuration, it gives the SDK that runs there, whatever the target platform is, even one
that rules_go has no toolchain for. Its one file is ROOT, at the root of the SDK; the tools are runfiles.""",
    provides = [GoSDK],
    toolchains = [_GO_TOOLCHAIN],
)

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
            doc = "The sources of all architectures; file names and build constraints choose, as in a Go package.",
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
    doc = "Builds a Go program that does without the Go runtime and the standard library.",
    executable = True,
)
