package main

import (
	"fmt"
	"os"
	"strings"
)

// sdkDownload takes the place of two functions in rules_go's sdk.bzl: the list of Go's releases, and the download of one.
// The pinned SDK is in the sealed root. Any other that a module asks for comes from the Go module proxy, checked against the
// checksum database, and never is one SDK taken for another.
const sdkDownload = `
# What follows was added by sealed/prepare of the module pause.

def _toolchain_module(ctx):
    goos, goarch = (ctx.attr.goos, ctx.attr.goarch) if ctx.attr.goos else detect_host_platform(ctx)
    return "golang.org/toolchain@v0.0.1-go%s.%s-%s" % (ctx.attr.version, goos, goarch)

def _sealed_releases(ctx, allow_fail = False):
    if allow_fail:
        return None  # asked by the module extension, which can do without
    if not ctx.attr.version:
        fail("sealed mode has no list of Go's releases: give the tag of go_sdk a version")
    module = _toolchain_module(ctx)
    return {ctx.attr.version: {module.split(".")[-1].replace("-", "_"): (module, "")}}

fetch_sdks_by_version = _sealed_releases

def _sealed_sdk(ctx, urls, strip_prefix, sha256):
    if sha256:
        # The tag says which archive it is and where: no place for another.
        return _upstream_remote_sdk(ctx, urls, strip_prefix, sha256)
    module = _toolchain_module(ctx)
    own = ctx.path(Label("//:MODULE.bazel")).realpath.dirname.dirname.get_child("go_sdk")
    if module == "golang.org/toolchain@v0.0.1-%s.linux-amd64" % ctx.read(own.get_child("VERSION")).split("\n")[0]:
        return _local_sdk(ctx, own)
    ctx.report_progress("Fetching " + module)
    result = ctx.execute(
        [own.get_child("bin", "go"), "mod", "download", "-json", module],
        environment = {
            "GOFLAGS": "-modcacherw",
            "GOMODCACHE": str(ctx.path("download")),
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        },
    )
    answer = json.decode(result.stdout, default = {})
    if result.return_code or "Dir" not in answer:
        fail("sealed mode takes Go SDKs from the Go module proxy, and it does not give %s (%s); ask for a version that it has" % (
            module,
            answer.get("Error", result.stderr.strip()).split("\n")[0],
        ))
    result = ctx.execute(["sh", "-c", "mv \"$1\"/* . && rm -r download && chmod -R a+x bin pkg/tool", "sh", answer["Dir"]])
    if result.return_code:
        fail("%s cannot be unpacked: %s" % (module, result.stderr))

_remote_sdk = _sealed_sdk
`

// replaceDownload rewrites rules_go's sdk.bzl. rules_go's own functions stay, under other names.
func replaceDownload(file string) error {
	source, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text := string(source)
	for _, name := range []string{"fetch_sdks_by_version", "_remote_sdk"} {
		definition := "\ndef " + name + "("
		if strings.Count(text, definition) != 1 {
			return fmt.Errorf("%s does not define %s as rules_go did until now; adapt sealed/prepare/sdk.go to this version", file, name)
		}
		text = strings.Replace(text, definition, "\ndef _upstream_"+strings.TrimPrefix(name, "_")+"(", 1)
	}
	return os.WriteFile(file, []byte(text+sdkDownload), 0o644)
}
