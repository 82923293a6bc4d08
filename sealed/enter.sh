#!/bin/bash
# Enters the sealed root in place: no process in between, so signals, exit codes and standard input need no forwarding.
#
# usage: unshare --mount [--user --map-root-user] enter.sh UID GID ROOT FOLDER:... PROGRAM ARGUMENT...
#
# UID and GID are the caller's; ROOT is the folder with usr and etc; each FOLDER is visible at its own path, writable, and so
# are the machine's own folders but those that ROOT stands in for.
# It must start in new mount namespace, and without root in a new user namespace, too.
set -euo pipefail

if (($# < 5)); then
  echo "enter.sh: bazelw runs this; see the usage at its top" >&2
  exit 2
fi
uid=$1 gid=$2 root=$3 folders=$4
shift 4
cwd=$PWD
# Any folder will do that is there: it is covered in this mount namespace alone.
new=$root/mnt

mount -t tmpfs -o mode=0755 sealed "$new"
mkdir "$new"/{dev,etc,old,proc,run,sys,tmp,usr,var}
mkdir -m 1777 "$new/var/tmp"
for link in bin lib lib64 sbin; do
  ln -s "usr/$link" "$new/$link"
done
mount --bind -o ro "$root/usr" "$new/usr"
mount --bind -o ro "$root/etc" "$new/etc"
for tree in dev proc sys tmp; do
  mount --rbind "/$tree" "$new/$tree"
done
# Name resolution, names of users, and the certificates that the machine trusts.
for file in group hosts nsswitch.conf passwd resolv.conf ssl; do
  if [[ -e /etc/$file ]]; then
    mount --rbind "/etc/$file" "$new/etc/$file"
  fi
done
# Everything else of the machine that a build may be told to read or write, such as a cache; what is not here is only what
# the root brings itself, and what engines would keep their state in.
for folder in /*; do
  case $folder in
    /bin | /boot | /dev | /etc | /lib* | /lost+found | /old | /proc | /run | /sbin | /sys | /tmp | /usr | /var) continue ;;
  esac
  if [[ -d $folder && ! -L $folder && ! -e $new$folder ]]; then
    mkdir "$new$folder"
    mount --rbind "$folder" "$new$folder"
  fi
done
set -f
IFS=:
for folder in $folders; do
  if [[ ! -e $new$folder ]]; then
    mkdir -p "$new$folder"
    mount --rbind "$folder" "$new$folder"
  fi
done
unset IFS
set +f
# Tests mount their own there.
mkdir -p "$new/mnt"

cd "$new"
pivot_root . old
# In a user namespace of its own the caller is mapped to root so far; one more namespace maps it back.
if [[ $uid != 0 ]]; then
  set -- unshare --user --map-user="$uid" --map-group="$gid" "$@"
fi
# shellcheck disable=SC2016 # the inner shell expands these
exec chroot . /bin/bash -c 'umount -l /old && rmdir /old && cd "$1" && shift && exec "$@"' bash "$cwd" "$@"
