"""buildozer for `bazel mod tidy`, from the Go module proxy: upstream's module downloads it ready-built."""

_MODULE = "github.com/bazelbuild/buildtools"

def _buildozer_binary_impl(rctx):
    lines = [line.strip().split(" ") for line in rctx.read(Label("@pause//:go.mod")).split("\n")]
    version = [line[1] for line in lines if line[0] == _MODULE]
    if not version:
        fail("go.mod does not name {}, which buildozer is part of".format(_MODULE))
    root = rctx.path(Label("@rules_go//:MODULE.bazel")).realpath.dirname.dirname
    rctx.report_progress("Building buildozer")
    result = rctx.execute(
        [root.get_child("go_sdk", "bin", "go"), "install", "{}/buildozer@{}".format(_MODULE, version[0])],
        environment = {
            "CGO_ENABLED": "0",
            "GOBIN": str(rctx.path(".")),
            "GOCACHE": str(rctx.path("work/cache")),
            "GOFLAGS": "-modcacherw",
            "GOMODCACHE": str(rctx.path("work/modules")),
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        },
    )
    rctx.delete("work")
    if result.return_code:
        fail("the Go module proxy does not give buildozer, which only `bazel mod tidy` needs: " + result.stderr)
    rctx.symlink("buildozer", "buildozer.exe")
    rctx.file("BUILD.bazel", "exports_files([\"buildozer.exe\"])")

_buildozer_binary = repository_rule(
    implementation = _buildozer_binary_impl,
    doc = "buildozer.exe, as Bazel calls it on every system.",
)

def _extension_impl(_mctx):
    _buildozer_binary(name = "buildozer_binary")

buildozer_binary = module_extension(implementation = _extension_impl)
