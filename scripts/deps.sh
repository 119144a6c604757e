#!/usr/bin/env bash
# Installs the Debian and npm packages that trunkline needs and that are missing.
#
#   scripts/deps.sh run    what the gateway needs: PostgreSQL, the offline speech engines
#   scripts/deps.sh test   the same, and the real peers that the tests call
set -euo pipefail

run=(gcc libc6-dev pkg-config postgresql pocketsphinx-en-us libpocketsphinx-dev libsphinxbase-dev flite1-dev)
test=(libspeexdsp-dev kamailio sip-tester sngrep baresip-core tshark sox chromium)
command -v npm >/dev/null || test+=(nodejs npm) # other packages of Node.js bring npm with them

case "${1:-run}" in
run) want=("${run[@]}") ;;
test) want=("${run[@]}" "${test[@]}") ;;
*)
  echo "usage: scripts/deps.sh [run|test]" >&2
  exit 2
  ;;
esac

missing=()
for p in "${want[@]}"; do
  status=$(dpkg-query -W -f '${Status}' "$p" 2>/dev/null || true)
  [ "$status" = "install ok installed" ] || missing+=("$p")
done

# peers installs the npm packages that check us, by their lock files.
peers() {
  [ "${1:-run}" = test ] || return 0
  local dir
  for dir in twilio/signature/testdata acceptance/testdata/browser; do
    dir=$(dirname "$0")/../$dir
    [ -e "$dir/node_modules/.package-lock.json" ] && [ ! "$dir/package-lock.json" -nt "$dir/node_modules/.package-lock.json" ] && continue
    echo "installing from npm: $(cd "$dir" && sed -n 's/^    "\(.*\)": "\(.*\)"/\1 \2/p' package.json)"
    (cd "$dir" && npm ci --silent --ignore-scripts --no-audit --no-fund)
  done
}
if [ ${#missing[@]} -eq 0 ]; then
  peers "$@"
  exit 0
fi

sudo=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "trunkline needs these Debian packages: ${missing[*]}" >&2
    echo "install them as root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  sudo=(sudo)
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >>"$log" 2>&1; }

echo "installing from Debian: ${missing[*]}"
if ! { apt update && apt install -y --no-install-recommends "${missing[@]}"; }; then
  tail -n 20 "$log" >&2
  echo "apt-get could not install: ${missing[*]} (its last words are above)" >&2
  exit 1
fi
peers "$@"
