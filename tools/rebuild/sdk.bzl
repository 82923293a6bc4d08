"""go_sdk_files: the Go SDK as data of a test that compiles."""

load("@rules_go//go:def.bzl", "GoSDK")

def _go_sdk_files_impl(ctx):
    sdk = ctx.attr._sdk[GoSDK]
    return DefaultInfo(
        files = depset([sdk.root_file]),
        runfiles = ctx.runfiles(files = [sdk.root_file], transitive_files = depset(transitive = [sdk.headers, sdk.tools])),
    )

go_sdk_files = rule(
    implementation = _go_sdk_files_impl,
    attrs = {
        "_sdk": attr.label(
            cfg = "exec",
            default = "//tools:exec_go_sdk",
            providers = [GoSDK],
        ),
    },
    doc = """Gives the ROOT file of the Go SDK that the build uses, with its compiler, assembler and linker as runfiles.

The folder of that file is the GOROOT.""",
)
