"""Drop-in for `@rules_oci//oci:defs.bzl` of rules_oci 2.3.

oci_image, oci_image_index, oci_load and oci_push have upstream's names, attributes, outputs and `.digest` targets, as far
as this repository uses them; any other attribute fails with its name. The work is done by the project's own tool.
"""

load("@bazel_skylib//lib:types.bzl", "types")
load("@bazel_skylib//rules:write_file.bzl", "write_file")
load("//oci/private:image.bzl", "digest", _oci_image = "oci_image", _oci_image_index = "oci_image_index")
load("//oci/private:run.bzl", _oci_load = "oci_load", _oci_push = "oci_push")

# https://bazel.build/reference/be/common-definitions#common-attributes
_COMMON = [
    "compatible_with",
    "deprecation",
    "exec_compatible_with",
    "exec_properties",
    "features",
    "restricted_to",
    "tags",
    "target_compatible_with",
    "testonly",
    "visibility",
]

def _check(rule, name, kwargs, known):
    """Fails on an attribute that upstream may have and this drop-in has not."""
    for attribute in kwargs:
        if attribute not in known + _COMMON:
            fail("{}(name = \"{}\"): the attribute '{}' is not supported in sealed mode; it knows {}".format(
                rule,
                name,
                attribute,
                ", ".join(known),
            ))

def _common(kwargs):
    return {k: v for k, v in kwargs.items() if k in _COMMON}

def _file(name, kind, content, kwargs):
    """Writes content, a list of lines, to a file, and returns its label; anything but a list or dict is one already."""
    if types.is_dict(content):
        content = ["{}={}".format(key, value) for key, value in content.items()]
    elif not types.is_list(content):
        return content
    label = "{}_write_{}".format(name, kind)
    write_file(
        name = label,
        out = "{}.{}.txt".format(name, kind),
        content = content,
        **_common(kwargs)
    )
    return label

def _escaped(lines):
    return [line.replace("\n", "%5Cn") for line in lines] if types.is_list(lines) else lines

def _joined(elements):
    return [",".join(elements)] if types.is_list(elements) else elements

def oci_image(
        name,
        annotations = None,
        cmd = None,
        created = None,
        entrypoint = None,
        env = None,
        exposed_ports = None,
        labels = None,
        volumes = None,
        **kwargs):
    """Builds an image as an OCI layout, and `[name].digest`, a file with its digest.

    Args:
      name: name of the target.
      annotations: dict, or label of a file with name=value lines: annotations of the manifest.
      cmd: list of strings, or label of a file with one a line.
      created: label of a file with a date (RFC 3339).
      entrypoint: list of strings, or label of a file with one a line.
      env: dict, or label of a file with NAME=VALUE lines.
      exposed_ports: list of strings such as 80/tcp, or label of a file with them, separated by commas.
      labels: dict, or label of a file with name=value lines: labels of the configuration.
      volumes: list of strings, or label of a file with them, separated by commas.
      **kwargs: base, tars, os, architecture, variant, user, workdir, and the common attributes.
    """
    _check("oci_image", name, kwargs, ["base", "tars", "os", "architecture", "variant", "user", "workdir"])
    _oci_image(
        name = name,
        annotations = _file(name, "annotations", annotations, kwargs),
        cmd = _file(name, "cmd", _escaped(cmd), kwargs),
        created = created,
        entrypoint = _file(name, "entrypoint", _escaped(entrypoint), kwargs),
        env = _file(name, "env", env, kwargs),
        exposed_ports = _file(name, "exposed_ports", _joined(exposed_ports), kwargs),
        labels = _file(name, "labels", labels, kwargs),
        volumes = _file(name, "volumes", _joined(volumes), kwargs),
        **kwargs
    )
    digest(name = name + ".digest", layout = name, out = name + ".json.sha256", **_common(kwargs))

def oci_image_index(name, **kwargs):
    """Builds a multi-architecture image as an OCI layout, and `[name].digest`, a file with its digest.

    Args:
      name: name of the target.
      **kwargs: images, and the common attributes.
    """
    _check("oci_image_index", name, kwargs, ["images"])
    _oci_image_index(name = name, **kwargs)
    digest(name = name + ".digest", layout = name, out = name + ".json.sha256", **_common(kwargs))

def oci_load(name, repo_tags = None, **kwargs):
    """`bazel run`: loads an image into docker or podman. The output group `tarball` has the archive.

    Args:
      name: name of the target.
      repo_tags: list of references such as pause:latest, or label of a file with one a line.
      **kwargs: image, format ("docker" or "oci"), and the common attributes.
    """
    _check("oci_load", name, kwargs, ["image", "format"])
    _oci_load(name = name, repo_tags = _file(name, "tags", repo_tags, kwargs), **kwargs)

def oci_push(name, remote_tags = None, **kwargs):
    """`bazel run`: pushes an image or an index by digest, then its tags.

    Args:
      name: name of the target.
      remote_tags: list of tags, or label of a file with one a line.
      **kwargs: image, repository, and the common attributes.
    """
    _check("oci_push", name, kwargs, ["image", "repository"])
    _oci_push(name = name, remote_tags = _file(name, "tags", remote_tags, kwargs), **kwargs)
