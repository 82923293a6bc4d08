#!/bin/sh
# Gives containerd its sandbox image if it has lost it: imports an archive under the name that containerd is configured with,
# and pins the image, so that the kubelet does not collect it. It needs no network. If the image is there and pinned, it does
# nothing.
#
# usage: sandbox-image.sh ARCHIVE, as root. ARCHIVE is an OCI layout in a tar file, not compressed, of one image or index,
# without a name. Environment:
#   CONTAINERD_ADDRESS  containerd's socket, which ctr reads; /run/containerd/containerd.sock by default
#   CONTAINERD_CONFIG   containerd's configuration, if it is not /etc/containerd/config.toml
# It exits with 0 if the image is there, and with 1 and one line on stderr if not.
set -eu

fail() {
  printf 'sandbox-image: %s\n' "$1" >&2
  exit 1
}

# Runs a command and keeps what it prints in $output. The last line says why it failed: warnings come before.
try() {
  output=$("$@" 2>&1) || fail "$(printf '%s\n' "$output" | tail -n 1)"
}

# Runs ctr on the images of the kubelet. Without limits it would wait forever for a daemon that does not answer.
images() {
  try ctr --connect-timeout 5s --timeout 30s --namespace k8s.io images "$@"
}

# Reports whether the image $name is there and passes the filter.
has() {
  images list --quiet "name==$name$1"
  printf '%s\n' "$output" | grep -qxF -e "$name"
}

[ $# -eq 1 ] || fail "want one argument, the archive"
for program in containerd ctr; do
  command -v "$program" >/dev/null || fail "no $program on PATH, $PATH"
done

# containerd 2 would take its defaults in place of a file that is not there.
[ -r "${CONTAINERD_CONFIG:-/dev/null}" ] || fail "cannot read $CONTAINERD_CONFIG"
# containerd 1.x prints sandbox_image = "NAME", 2.x prints sandbox = 'NAME' in the table pinned_images. A name with a digest
# has no tag in the store.
try containerd ${CONTAINERD_CONFIG:+--config "$CONTAINERD_CONFIG"} config dump
name=$(printf '%s\n' "$output" | sed -n "s/^ *sandbox\(_image\)\{0,1\} = [\"']\(.*\)[\"']\$/\2/p" | sed -e 's/:[^:/@]*@/@/' -e q)
[ -n "$name" ] || fail "the configuration of containerd names no sandbox image"

if has ',labels."io.cri-containerd.pinned"==pinned'; then
  exit
fi
if ! has ''; then
  digest=$(tar -xOf "$1" index.json 2>/dev/null | sed -n 's/.*"digest":"\(sha256:[0-9a-f]*\)".*/\1/p')
  [ -n "$digest" ] || fail "$1 cannot be read, or is not the archive of an image; install it again"
  case $name in
    *@"$digest") repository=${name%@*} ;;
    *@*) fail "the sandbox image is $name in the configuration of containerd, and $1 has $digest" ;;
    *[.:]*/*:* | localhost/*:*) repository=${name%:*} ;;
    # containerd completes a short name before it looks for it.
    *) fail "the sandbox image is $name in the configuration of containerd; write it with a registry and a tag" ;;
  esac
  # The snapshot is left to containerd, which knows for which snapshotter.
  images import --no-unpack --digests --base-name "$repository" "$1"
  if [ "$name" != "$repository@$digest" ]; then
    images tag "$repository@$digest" "$name"
  fi
  printf 'imported %s as %s\n' "$digest" "$name"
fi
images label "$name" io.cri-containerd.pinned=pinned
