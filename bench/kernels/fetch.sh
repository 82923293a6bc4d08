#!/bin/bash
# fetch.sh FOLDER ARCHITECTURE SUITE PACKAGE PREFIX: writes the file whose name begins with PREFIX, of a package of Debian or of the
# newest kernel that it depends on, to FOLDER/PREFIX. APT works in FOLDER, for that architecture and suite.
set -euo pipefail
dir=$1 arch=$2 suite=$3 package=$4 prefix=$5

# shellcheck disable=SC2016 # APT fills in REPO_URI
read -r mirror < <(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian') ||
  { echo "APT has no list of Debian's packages: this needs Debian, and apt-get update" >&2 && exit 1; }
mkdir -p "$dir"/{state/lists/partial,cache/archives/partial,none}
cd "$dir"
: >status
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >sources.list
cat >apt.conf <<END
APT::Architecture "$arch";
APT::Architectures "$arch";
APT::Sandbox::User "root";
Dir::State "$dir/state";
Dir::State::status "$dir/status";
Dir::Cache "$dir/cache";
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "$dir/none";
Acquire::Languages "none";
Acquire::Check-Valid-Until "false"; // a mirror may be a copy of a day; signatures are checked all the same
END
export APT_CONFIG=$dir/apt.conf
apt-get -qq update

# A meta-package depends on another, or on the kernel itself.
while next=$(apt-cache show --no-all-versions "$package" | sed -n 's/^Depends: //p' | grep -oEm1 '\blinux-(image|binary)-[0-9][^ ,]*') &&
  [ "$next" != "$package" ]; do
  package=$next
done
apt-get -qq download "$package"
dpkg-deb --fsys-tarfile ./*.deb | tar -x --to-stdout --wildcards "*/$prefix*" >"$prefix.partial"
rm ./*.deb
mv "$prefix.partial" "$prefix"
