# shellcheck shell=bash disable=SC2154
# Sealed mode: Bazel in a root of its own (docs/sealed.md). The script bazelw reads this file and calls is_prepared and sealed;
# the variables workspace, cache, wanted and bazelisk, and say, die and is_wanted are its own.

# Sets key to the name of the sealed root, a digest of all that defines it, and root to its folder.
find_root() {
  key=$(cd "$workspace" && { sed -n '/^go /p; /bazel_compatibility/,/]/p' go.mod MODULE.bazel && cat sealed/packages.txt sealed/go_modules.txt sealed/prepare/*.go; } | sha256sum)
  key=${key:0:16}
  root=$cache/$key
}

# Whether this machine has a sealed root, with the wanted Bazel.
is_prepared() {
  [[ $(uname -s) == Linux ]] && find_root && [[ -f $root/manifest ]] && is_wanted_sealed
}

# Whether the Bazel of the sealed root will do: any, unless the user asks for one. Sets has to its version; before there is a root,
# that is the one of .bazelversion.
is_wanted_sealed() {
  has=$(cat "$root/rootfs/usr/share/bazel/build-label.txt" 2>/dev/null || cat "$workspace/.bazelversion")
  [[ -z ${USE_BAZEL_VERSION:-} ]] || is_wanted sealed "bazel $has"
}

# Ends, unless the Bazel of the sealed root will do.
check_wanted() {
  is_wanted_sealed ||
    die "USE_BAZEL_VERSION asks for Bazel $wanted, and sealed mode has that of Debian, $has; unset USE_BAZEL_VERSION, or install Bazelisk (https://bazel.build/install)"
}

# Runs a program with nothing on standard input, and sets status to its exit code. A signal to this script goes on to the
# program, once: it has a process group of its own, so that a terminal does not send it another.
attend() {
  local child
  set -m
  "$@" </dev/null &
  child=$!
  set +m
  trap 'kill -TERM "$child" 2>/dev/null' TERM
  trap 'kill -INT "$child" 2>/dev/null' INT
  # Bazel's client would die of SIGHUP, and its server go on with the build.
  trap 'kill -TERM "$child" 2>/dev/null' HUP
  # wait returns when a signal comes, and then the program has not ended.
  while :; do
    status=0
    wait "$child" || status=$?
    kill -0 "$child" 2>/dev/null || break
  done
  trap - TERM INT HUP
}

# Whether the sealed root is whole. With a Bazel server up the root is in use, and a look at what is needed to talk to
# it will do; before a server starts, every file is looked at.
root_is_whole() {
  local server
  # Its time says that it is wanted: sealed/prepare removes roots that have not been for a while.
  if [[ ! -f $root/manifest ]] || ! touch -c "$root/manifest" 2>/dev/null; then
    return 1
  fi
  server=$root.output/$(printf %s "$workspace" | md5sum | cut -c 1-32)/server/server.pid.txt
  if [[ -e $server && -x $root/rootfs/usr/bin/bazel && -f $root/bazelrc ]] && grep -qsF "$root/" "/proc/$(<"$server")/cmdline"; then
    return 0
  fi
  cmp -s "$root/manifest" <(cd "$root" && find . ! -type d ! -path ./manifest -printf '%y %s %P\n' | LC_ALL=C sort)
}

# Makes the sealed root.
prepare() {
  if ! command -v go >/dev/null; then
    die "sealed mode needs the go command (any version from 1.21 on) to make its root; install Go (https://go.dev/dl), or Bazelisk (https://bazel.build/install)"
  fi
  if ! mkdir -p "$cache" 2>/dev/null || [[ ! -w $cache ]]; then
    die "the cache folder $cache cannot be written; set BAZELW_CACHE to a folder that can be"
  fi
  if [[ -e $root ]]; then
    say "the sealed root $root is damaged; making it anew"
  fi
  local said status
  trap 'rm -f "$cache/prepare.$$"' EXIT
  if ! said=$(cd "$workspace" && GOTOOLCHAIN=auto GOWORK=off GOFLAGS=-mod=readonly CGO_ENABLED=0 go build -trimpath -o "$cache/prepare.$$" ./sealed/prepare 2>&1); then
    die "the program that makes the sealed root does not build (${said##*$'\n'}); mend that, or see whether the Go module proxy is up (go env GOPROXY)"
  fi
  # It removes itself.
  attend "$cache/prepare.$$" -workspace="$workspace" -cache="$cache" -key="$key"
  trap - EXIT
  if ((status != 0)); then
    exit "$status"
  fi
}

# Ends with what is missing, unless this user may make the namespaces that the sealed root is entered in.
check_namespaces() {
  if ((EUID != 0)); then
    if ! unshare --user --map-root-user --mount true 2>/dev/null; then
      die "sealed mode without root needs unprivileged user namespaces, and this machine refuses them; as root: sysctl kernel.unprivileged_userns_clone=1 (Debian) or kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), and user.max_user_namespaces above 0; or run bazelw as root"
    fi
  elif ! unshare --mount true 2>/dev/null; then
    die "sealed mode needs to make a mount namespace, and this machine refuses it (a container without CAP_SYS_ADMIN?); start the container with --privileged, or install Bazelisk (https://bazel.build/install)"
  fi
}

# Replaces this process by Bazel in the sealed root. Arguments: Bazel's.
exec_sealed() {
  local namespaces=(--mount --propagation private) folders=$cache:$workspace home=${HOME:-} user=${USER:-} folder settings
  if [[ -d $home && $home != *:* ]]; then
    folders=$home:$folders
  fi
  if [[ $PWD != "$workspace"/* ]]; then
    folders=$folders:$PWD
  fi
  for folder in "$cache" "$workspace" "$PWD"; do
    case $folder in
      *:* | /etc | /etc/* | /usr | /usr/*)
        die "sealed mode cannot work with the folder $folder: it puts /etc and /usr of its own in place of the machine's, and takes no colon in a path; use another folder"
        ;;
    esac
  done
  if ((EUID != 0)); then
    namespaces+=(--user --map-root-user)
  fi
  if [[ -z $user ]]; then
    # Bazel wants a name, and the sealed root has none for the machine's users. An id without a name is printed as it is.
    user=$(id -un 2>/dev/null) || true
  fi
  mapfile -t settings < <(go env GOPROXY GOSUMDB GONOSUMDB 2>/dev/null)
  exec unshare "${namespaces[@]}" "$workspace/sealed/enter.sh" "$EUID" "$(id -g)" "$root/rootfs" "$folders" \
    env PATH=/usr/bin:/usr/sbin USER="$user" GOPROXY="${settings[0]:-}" GOSUMDB="${settings[1]:-}" GONOSUMDB="${settings[2]:-}" \
    bazel --nosystem_rc --bazelrc="$root/bazelrc" "$@"
}

# Sets command to Bazel's command (build, test, run ...) and command_at to its place in the arguments.
find_command() {
  command='' command_at=0
  local takes_value=0 argument
  for argument in "$@"; do
    if ((takes_value)); then
      takes_value=0
    elif [[ $argument != -* ]]; then
      command=$argument
      return
    else
      case $argument in
        --bazelrc | --output_base | --output_user_root | --install_base | --host_jvm_args | --server_javabase | --server_jvm_out | \
          --failure_detail_out | --max_idle_secs | --local_startup_timeout_secs | --connect_timeout_secs | --invocation_policy | --io_nice_level)
          takes_value=1
          ;;
      esac
    fi
    command_at=$((command_at + 1))
  done
}

# `bazel run` builds inside the sealed root; the program then runs on the machine itself, where the user's docker is.
run_sealed() {
  local script status program
  # In the cache, which is at the same place inside.
  script=$(mktemp "$cache/run.XXXXXX")
  trap 'rm -f "$script"' EXIT
  attend exec_sealed "${@:1:command_at}" run --script_path="$script" "${@:command_at+2}"
  if ((status != 0)) || [[ ! -s $script ]]; then
    exit "$status"
  fi
  # Read before it is removed, so that nothing is left behind.
  program=$(<"$script")
  rm -f "$script"
  trap - EXIT
  exec /bin/bash -c "$program" bash
}

# Runs Bazel in the sealed root, and ends. $1 is why; the other arguments are Bazel's.
sealed() {
  say "sealed mode: $1"
  shift
  if [[ $(uname -s) != Linux || $(uname -m) != x86_64 ]]; then
    die "sealed mode runs on Linux on x86-64 only; install Bazelisk (https://bazel.build/install)"
  fi
  # Debian has pivot_root and chroot there, and ordinary users have not.
  PATH=$PATH:/usr/sbin:/sbin
  find_root
  check_wanted
  check_namespaces
  if ! root_is_whole; then
    prepare
    check_wanted
  fi
  if [[ $has != "$(<"$workspace/.bazelversion")" ]]; then
    say "Debian has Bazel $has, and .bazelversion names $(<"$workspace/.bazelversion"); MODULE.bazel allows it, and the golden digests say whether it builds the same images"
  fi
  find_command "$@"
  case $command in
    run) run_sealed "$@" ;;
    # Debian's Bazel was built without what it would print, and ends with an error.
    version)
      case " $* " in
        *" --gnu_format "*) echo "bazel $has" ;;
        *) echo "Build label: $has" ;;
      esac
      exit
      ;;
  esac
  exec_sealed "$@"
}
