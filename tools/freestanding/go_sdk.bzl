"""exec_go_sdk: the Go SDK that makes the bytes."""

load("@rules_go//go:def.bzl", "GoSDK")

visibility(["//..."])

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
