#!/bin/sh
# The container engine of oci_load (its attribute loader), which by itself takes docker when only docker's client is there. The
# arguments go to the first engine that answers, or to the one that the environment variable PAUSE_ENGINE names.
set -eu
for engine in ${PAUSE_ENGINE:-docker podman nerdctl}; do
  # Nobody asks an engine that was named: it says itself what is wrong with it.
  if [ -n "${PAUSE_ENGINE:-}" ] || "$engine" info >/dev/null 2>&1; then
    exec "$engine" "$@"
  fi
done
echo >&2 'load: neither docker nor podman nor nerdctl answers "info"; start one of them, or name another engine: PAUSE_ENGINE=PROGRAM'
exit 1
