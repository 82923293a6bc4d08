"""structure_test: what an image is made of, checked from its OCI layout without a daemon."""

load("@bazel_skylib//rules:expand_template.bzl", "expand_template")
load("//tools:tool_test.bzl", "tool_test")

def structure_test(
        name,
        layout,
        configs = [],
        platform = None,
        golden = None,
        max_bytes = None,
        only_config = False,
        only_files = [],
        canonical_layer = False,
        **kwargs):
    """Tests an image of an OCI layout with //tools/structure/cmd/structure.

    Args:
      name: name of the test.
      layout: label of an OCI layout, a folder, whose index.json points to an image or to an image index.
      configs: files of checks, YAML in the schema 2.0.0 of container-structure-test.
      platform: os/architecture[/variant]. It chooses the image of an index; config, index and ELF header of the
        entrypoint must say the same.
      golden: file whose first line is the digest that the image must have; see //tools/golden.
      max_bytes: most bytes that manifest, config and layers may have in all.
      only_config: whether the config may say nothing about how to run the image that configs do not name.
      only_files: absolute paths of all the entries that the layers may have; empty means any.
      canonical_layer: whether there must be one layer, in canonical form.
      **kwargs: common attributes of tests.
    """
    args = ["--layout=$(rootpath {})".format(layout)]
    args += ["--config=$(rootpath {})".format(config) for config in configs]
    if platform:
        args.append("--platform=" + platform)
    if golden:
        args.append("--digest=$(rootpath {})".format(golden))
    if max_bytes:
        args.append("--max-bytes={}".format(max_bytes))
    if only_config:
        args.append("--only-config")
    args += ["--only-files=" + path for path in only_files]
    if canonical_layer:
        args.append("--canonical-layer")
    kwargs.setdefault("size", "small")
    tool_test(
        name = name,
        args = args,
        data = [layout] + configs + ([golden] if golden else []),
        tool = Label("//tools/structure/cmd/structure"),
        **kwargs
    )

# The beginning of an ELF file (gABI, "ELF Header"), from the class to the machine, as a regular expression: class, byte
# order, version, ABI, padding, type (executable or position independent), machine. Go's regular expressions match
# characters; a byte above 0x7f that is no UTF-8 is the character U+FFFD to them, so that arm64 and riscv64 look the same
# here. The platform of structure_test has no such limit.
_ELF = {
    "386": r"\x01\x01\x01\x00{9}[\x02\x03]\x00\x03\x00",
    "amd64": r"\x02\x01\x01\x00{9}[\x02\x03]\x00\x3e\x00",
    "arm": r"\x01\x01\x01\x00{9}[\x02\x03]\x00\x28\x00",
    "arm64": r"\x02\x01\x01\x00{9}[\x02\x03]\x00\x{FFFD}\x00",
    "loong64": r"\x02\x01\x01\x00{9}[\x02\x03]\x00\x02\x01",
    "mips64le": r"\x02\x01\x01\x00{9}[\x02\x03]\x00\x08\x00",
    "ppc64le": r"\x02\x01\x01\x00{9}[\x02\x03]\x00\x15\x00",
    "riscv64": r"\x02\x01\x01\x00{9}[\x02\x03]\x00\x{FFFD}\x00",
    "s390x": r"\x02\x02\x01\x00{9}\x00[\x02\x03]\x00\x16",
}

def structure_config(name, template, architecture, **kwargs):
    """Writes NAME.yaml, a file of checks for one architecture, from a template.

    Args:
      name: name of the target; the file is called NAME.yaml, because container-structure-test goes by the ending.
      template: the file of checks with {ARCHITECTURE} and {ELF_HEADER} in it; the latter becomes a regular expression for
        the first twenty bytes of a program of that architecture, to be put between single quotes.
      architecture: architecture by its name in Go and in OCI.
      **kwargs: common attributes.
    """
    if architecture not in _ELF:
        fail("architecture is '{}'; known are {}".format(architecture, ", ".join(_ELF.keys())))
    expand_template(
        name = name,
        out = name + ".yaml",
        substitutions = {
            "{ARCHITECTURE}": architecture,
            "{ELF_HEADER}": r"^\x7fELF" + _ELF[architecture],
        },
        template = template,
        **kwargs
    )
