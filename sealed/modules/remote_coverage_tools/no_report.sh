#!/bin/sh
echo "sealed mode has no tool for --combined_report=lcov; each test's coverage.dat is in bazel-testlogs" >&2
exit 1
