#!/bin/bash
# The program was compiled by the SDK of this module, and not by that of pause.
#
# usage: ordinary_test.sh PROGRAM
set -euo pipefail

version=$("$1")
if [[ $version != go1.27.4 ]]; then
  printf 'compiled by %s; MODULE.bazel asks for go1.27.4\n' "$version" >&2
  exit 1
fi
