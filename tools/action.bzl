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
    """Registers the action that makes output, from an image or from other files.

    Args:
      ctx: the context of a rule with an attribute `_oci`, OCI above.
      mnemonic: the action's.
      command: the program's command, such as archive.
      output: the file or folder to make.
      arguments: further arguments of the command, strings and files.
      image: the folder of the image, if the command takes one.
      inputs: a depset of further files that the action reads.

    Returns:
      The rule's DefaultInfo.
    """
    images = [image] if image else []
    args = ctx.actions.args()
    args.add(command)
    args.add_all(images, before_each = "--image", expand_directories = False)
    args.add_all([output], before_each = "--output", expand_directories = False)
    args.add_all(arguments)
    ctx.actions.run(
        executable = ctx.executable._oci,
        arguments = [args],
        inputs = depset(images, transitive = [inputs]),
        outputs = [output],
        mnemonic = mnemonic,
        progress_message = "Writing %{output}",
    )
    return DefaultInfo(files = depset([output]))
