#!/bin/bash
# Builds etcd, kubectl and the daemons of Kubernetes, for the tests beside it, from the Go modules that they are made of: nobody
# publishes them where only a Go module proxy answers. It takes 20 minutes and more, four gigabytes of memory, and as much of
# disk in the go command's caches. The checksum database verifies all of it, as go build does always.
#
# usage: tests/apiserver/programs.sh OUTPUT, a new folder; for example
#
#   tests/apiserver/programs.sh ~/kubernetes
#   ./bazelw test //tests/apiserver:apiserver_test --test_env=KUBEBUILDER_ASSETS=$HOME/kubernetes
set -euo pipefail

# The release of Kubernetes, of the API's module that go.mod has.
release=37.2

if [[ $# != 1 || -e $1 ]]; then
  echo "usage: ${0##*/} OUTPUT, a folder that is not there yet" >&2
  exit 2
fi
output=$(realpath --canonicalize-missing "$1")
work=$(mktemp --directory)
trap 'rm -rf "$work"' EXIT
export GOWORK=off GOFLAGS=-mod=mod CGO_ENABLED=0

echo "fetching Kubernetes 1.$release"
cd "$work"
source=$(go mod download -json "k8s.io/kubernetes@v1.$release" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
# Kubernetes' own module names its parts by a version that does not exist, v0.0.0, because they lie beside it in its repository, in staging.
# The go command reads kubernetes.mod instead of go.mod, and kubernetes.sum beside it, which it has to make.
sed -e "s|^\(\tk8s.io/[^ ]*\) v0\.0\.0\$|\1 v0.$release|" -e '\| => ./staging/|d' "$source/go.mod" >kubernetes.mod
etcd=$(sed -n 's|^\tgo.etcd.io/etcd/client/v3 ||p' kubernetes.mod)

echo "building kubectl and the daemons of Kubernetes"
info=k8s.io/component-base/version
go -C "$source" build -modfile="$work/kubernetes.mod" -trimpath -o "$work/programs/" \
  -ldflags="-s -w -X $info.gitVersion=v1.$release -X $info.gitMajor=1 -X $info.gitMinor=${release%.*}" \
  ./cmd/{kubectl,kube-apiserver,kube-controller-manager,kube-scheduler,kubelet}

echo "building etcd $etcd"
mkdir etcd
cd etcd
go mod init etcd
go get "go.etcd.io/etcd/server/v3@$etcd"
go build -trimpath -ldflags='-s -w' -o "$work/programs/etcd" go.etcd.io/etcd/server/v3
mv "$work/programs" "$output"
