# Shared by tools/build, tools/test and tools/demo: installs what is missing, configures, builds.
# Sourced by bash; the caller has set `set -euo pipefail`.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$ROOT/build/release
LOG=$ROOT/build/build.log

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }

# Prints the names in packages.txt that dpkg does not report as installed. $1: "all" or "needed".
missing_packages() {
  local wanted installed
  if [[ $1 == all ]]; then
    wanted=$(awk '!/^#/ && NF { print $1 }' "$ROOT/tools/lib/packages.txt" | sort -u)
  else
    wanted=$(awk '!/^#/ && NF == 1 { print $1 }' "$ROOT/tools/lib/packages.txt" | sort -u)
  fi
  # dpkg-query fails when a name is unknown; what it prints for the others still counts.
  # shellcheck disable=SC2086
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' $wanted 2>/dev/null |
              awk '$2 == "installed" { print $1 }' | sort -u || true)
  comm -23 <(printf '%s\n' "$wanted") <(printf '%s\n' "$installed")
}

# Runs a command as root; returns 1 when there is no way to.
as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo -n "$@"
  elif command -v sudo >/dev/null && [[ -t 0 ]]; then sudo "$@"
  else return 1
  fi
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    "$@" </dev/null >>"$LOG" 2>&1
}

# Installs what is missing of "all" or of the "needed" packages ($1, default all). Sets INSTALLED=1
# when something was installed.
install_missing() {
  local scope=${1:-all}
  INSTALLED=0
  command -v dpkg-query >/dev/null || {
    say "This is not Debian: the packages in tools/lib/packages.txt are expected to be here."
    return 0
  }
  local missing needed
  missing=$(missing_packages "$scope" | xargs)
  [[ -n $missing ]] || return 0
  needed=$(missing_packages needed | xargs)

  if ! as_root true; then
    say "Missing packages, and neither root nor sudo here to install them. Run as root:"
    say "  apt-get update && apt-get install -y --no-install-recommends $missing"
    [[ -z $needed ]] || exit 1
    say "Only ns-3 is missing: building all but selvage-sim."
    return 0
  fi
  say "Installing $(wc -w <<<"$missing") packages: $missing"
  as_root apt-get update -q </dev/null >>"$LOG" 2>&1 ||
    say "  apt-get update failed (see build/build.log); trying with the lists that are here."
  # shellcheck disable=SC2086
  if ! apt_install $missing && [[ -n $needed && $needed != "$missing" ]]; then
    # shellcheck disable=SC2086
    apt_install $needed || true  # judged below by what is there
  fi
  if [[ -n $(missing_packages needed) ]]; then
    tail -n 20 "$LOG" >&2
    die "Could not install: $(missing_packages needed | xargs). The whole log: $LOG"
  fi
  if [[ -n $(missing_packages "$scope") ]]; then
    say "  ns-3 could not be installed: building all but selvage-sim. See build/build.log."
  fi
  INSTALLED=1
}

# Compilers here take up to 1.5 GB each: no more of them than memory and processors allow.
build_jobs() {
  local cpus memory_kb by_memory
  cpus=$(nproc)
  memory_kb=$(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)
  by_memory=$((memory_kb / 1500000))
  ((by_memory >= 1)) || by_memory=1
  echo $((cpus < by_memory ? cpus : by_memory))
}

# Reads Ninja's lines, keeps them in the log and shows one progress line: percent, files, elapsed.
show_progress() {
  local start=$SECONDS line="" percent="0%" count="" shown=-100 drawn=0 last_count=0 status
  while :; do
    status=0
    IFS= read -r -t 2 line || status=$?
    if ((status == 0)); then
      printf '%s\n' "$line" >>"$LOG"
      [[ $line != *"Re-checking globbed"* ]] || continue
      if [[ $line =~ ^\[\ *([0-9]+%)\ +([0-9]+)/([0-9]+)\]\  ]]; then
        percent=${BASH_REMATCH[1]} last_count=${BASH_REMATCH[2]}
        count="${BASH_REMATCH[2]} of ${BASH_REMATCH[3]}"
      fi
    elif ((status <= 128)); then
      break  # end of input; above 128: nothing came within two seconds
    fi
    [[ -n $count ]] || continue
    if [[ -t 1 ]]; then
      printf '\r  building %4s  %s  %d s ' "$percent" "$count" $((SECONDS - start))
      drawn=1
    elif ((SECONDS - shown >= 15)); then
      printf '  building %4s  %s  %d s\n' "$percent" "$count" $((SECONDS - start))
      shown=$SECONDS
    fi
  done
  if ((drawn)); then printf '\n'; fi
  if ((last_count == 0)); then say "  up to date"
  else say "  $last_count steps in $((SECONDS - start)) s"
  fi
}

configure() {
  if [[ -e $BUILD/build.ninja && $INSTALLED == 0 ]]; then return 0; fi
  say "Configuring build/release"
  if ! (cd "$ROOT" && cmake --preset release) >>"$LOG" 2>&1; then
    tail -n 30 "$LOG" >&2
    die "Configuring failed. The whole log: $LOG"
  fi
}

# Installs, configures and builds, or ends the program with the reason.
build_all() {
  build all
}

# build SCOPE [TARGET...]: the packages of that scope, and these targets (default: everything).
build() {
  local scope=$1
  shift
  mkdir -p "$ROOT/build"
  exec 9>"$ROOT/build/.lock"
  flock -n 9 || { say "Another build of this checkout is running: waiting for it."; flock 9; }
  : >"$LOG"
  install_missing "$scope"
  configure
  if ! NINJA_STATUS='[%p %f/%t] ' nice -n 5 ninja -C "$BUILD" -j "$(build_jobs)" \
       "$@" </dev/null 2>&1 9>&- | show_progress; then
    # The compiler's words, without the progress lines around them.
    grep -n -m 5 -E 'FAILED:|error:|undefined reference|fatal' "$LOG" >&2 || true
    say "..." >&2
    tail -n 30 "$LOG" >&2
    die "The build failed. The whole log: $LOG"
  fi
  exec 9>&-
}
