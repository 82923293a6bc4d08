"""An empty extension: only `bazel mod tidy` would use it."""

def _no_repository_impl(rctx):
    rctx.file("BUILD.bazel")

_no_repository = repository_rule(implementation = _no_repository_impl)

def _buildozer_binary_impl(_mctx):
    _no_repository(name = "buildozer_binary")

buildozer_binary = module_extension(implementation = _buildozer_binary_impl)
