"""A C++ toolchain that has no compiler."""

load("@rules_cc//cc/common:cc_common.bzl", "cc_common")
load("@rules_cc//cc/toolchains:cc_toolchain_config_info.bzl", "CcToolchainConfigInfo")

visibility(["//tools"])

def _no_compiler_config_impl(ctx):
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx,
        toolchain_identifier = "no_compiler",
        compiler = "none",
        target_cpu = "none",
        target_libc = "none",
        target_system_name = "none",
        tool_paths = [],
    )

no_compiler_config = rule(
    implementation = _no_compiler_config_impl,
    doc = "The configuration of a toolchain without tools: any action that uses it fails.",
    provides = [CcToolchainConfigInfo],
)
