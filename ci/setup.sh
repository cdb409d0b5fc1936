#!/usr/bin/env bash
# Installs what is missing for `make test` (or, with `bench` or `demo`, for those) and nothing that is there. Idempotent.
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-test}
state=.authprobe-test

# command:package
browser=(chromium-headless-shell:chromium-headless-shell chromedriver:chromium-driver certutil:libnss3-tools)
tools=("${browser[@]}" prometheus:prometheus prometheus-alertmanager:prometheus-alertmanager
  tinyproxy:tinyproxy danted:dante-server faketime:faketime openssl:openssl
  setpriv:util-linux systemd-analyze:systemd python3:python3 node:nodejs npm:npm)
[ "$what" = demo ] && tools=("${browser[@]}")
[ "$what" = bench ] && tools+=(prometheus-blackbox-exporter:prometheus-blackbox-exporter)

PATH="$PATH:/usr/sbin:/sbin"
missing=()
for tool in "${tools[@]}"; do
  command -v "${tool%%:*}" >/dev/null || missing+=("${tool##*:}")
done
if command -v python3 >/dev/null && ! python3 -c 'import ensurepip, venv' 2>/dev/null; then missing+=(python3-venv); fi

install_packages() {
  # Debian starts the services it installs: we run our own, on ports of our own.
  local policy=/usr/sbin/policy-rc.d ours=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    ours=yes
  fi
  apt-get -qq update
  local status=0
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "$@" </dev/null >"$state/apt.log" 2>&1 || status=$?
  [ -z "$ours" ] || rm -f "$policy"
  [ "$status" = 0 ] || tail -n 20 "$state/apt.log" >&2
  return "$status"
}

mkdir -p "$state"
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing ${missing[*]}"
    install_packages "${missing[@]}"
  elif [ "$what" = demo ]; then
    echo "note: for browser logins please install (Debian's names): ${missing[*]}" >&2
  else
    echo "error: please install (Debian's names): ${missing[*]}" >&2
    exit 1
  fi
fi
[ "$what" = demo ] && exit 0
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
  echo "error: the test provider needs Node.js 20 or newer; this is $(node --version)" >&2
  exit 1
fi

# once STAMP FILES… -- COMMAND…: runs the command unless it has succeeded with these very files before
once() {
  local stamp=$1 files=()
  shift
  while [ "$1" != -- ]; do files+=("$1"); shift; done
  shift
  local sum
  sum=$(cat "${files[@]}" | sha256sum)
  [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$sum" ] && return
  "$@"
  echo "$sum" >"$stamp"
}

venv() { # DIRECTORY REQUIREMENTS
  rm -rf "$1"
  python3 -m venv "$1"
  "$1/bin/pip" install --quiet --disable-pip-version-check --requirement "$2"
}

npm_packages() { # NAME DIRECTORY
  [ -d "$2/node_modules" ] || rm -f "$state/$1.stamp"
  once "$state/$1.stamp" "$2/package.json" "$2/package-lock.json" -- \
    npm --prefix "$2" ci --no-audit --no-fund --loglevel=error
}
npm_packages idp tests/idp
if [ "$what" = test ]; then
  npm_packages grafana tests/grafana
  npm_packages page tests/page/npm
fi
once "$state/venv.stamp" tests/requirements.txt -- venv "$state/venv" tests/requirements.txt
[ "$what" != test ] ||
  once "$state/providers.stamp" tests/providers/requirements.txt -- venv "$state/providers" tests/providers/requirements.txt
[ "$what" != test ] ||
  once "$state/deploy.stamp" tests/gate/requirements.txt -- venv "$state/deploy" tests/gate/requirements.txt
if [ "$what" = bench ]; then
  once "$state/bench-venv.stamp" benches/peers/requirements.txt -- venv "$state/bench-venv" benches/peers/requirements.txt
  playwright=benches/peers/playwright
  [ -d $playwright/node_modules ] || rm -f "$state/playwright.stamp"
  # The library only: the browser is Debian's.
  once "$state/playwright.stamp" $playwright/package.json $playwright/package-lock.json -- \
    env PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm --prefix $playwright ci --no-audit --no-fund --loglevel=error
fi
exit 0
