#!/bin/sh
# Writes the coverage data of a test into one file. rules_go's tests write LCOV, whose records may follow each other.
#
# usage: lcov_merger.sh --coverage_dir=FOLDER --output_file=FILE [Bazel's other flags, which are not needed]
set -eu
for argument; do
  case $argument in
    --coverage_dir=*) folder=${argument#*=} ;;
    --output_file=*) output=${argument#*=} ;;
  esac
done
find "${folder:?}" -name '*.dat' -type f -exec cat {} + >"${output:?}"
