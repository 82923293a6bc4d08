"""What the rules that call tools/oci/cmd/oci share."""

load("//tools:providers.bzl", "ImageInfo")

visibility(["//tools"])

# The attribute that names the program.
OCI = attr.label(
    cfg = "exec",
    default = "//tools/oci/cmd/oci",
    executable = True,
)

# The attribute that names an image in canonical form.
IMAGE = attr.label(
    doc = "The image or index: a target of `canonical`.",
    mandatory = True,
    providers = [ImageInfo],
)

def run_oci(ctx, mnemonic, command, output, *, arguments = [], image = None, inputs = depset()):
    """Registers the action that makes output from an image.

    Args:
      ctx: the context of a rule with an attribute `_oci`, OCI above.
      mnemonic: the action's.
      command: the program's command, such as archive.
      output: the file or folder to make.
      arguments: further arguments of the command, strings and files.
      image: the folder of the image; by default that of the attribute `image`, IMAGE above.
      inputs: a depset of further files that the action reads.

    Returns:
      The rule's DefaultInfo.
    """
    image = image or ctx.attr.image[ImageInfo].layout
    args = ctx.actions.args()
    args.add(command)
    args.add_all([image], before_each = "--image", expand_directories = False)
    args.add_all(arguments)
    args.add_all([output], before_each = "--output", expand_directories = False)
    ctx.actions.run(
        executable = ctx.executable._oci,
        arguments = [args],
        inputs = depset([image], transitive = [inputs]),
        outputs = [output],
        mnemonic = mnemonic,
        progress_message = "Writing %{output}",
    )
    return DefaultInfo(files = depset([output]))
