#!/bin/bash
# The program exits with 0, and is as small as a program without a runtime is.
#
# usage: true_test.sh PROGRAM
set -euo pipefail

"$1"
size=$(wc -c <"$1")
if ((size > 640)); then
  printf '%s has %d bytes; without a runtime it has at most 640\n' "$1" "$size" >&2
  exit 1
fi
