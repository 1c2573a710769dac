#!/bin/sh
# Makes ready what the npm scripts need: Node's version, node_modules, dist, a Redis server, and for the tests a proxy. Says nothing when there is nothing to do.
set -eu
cd "$(dirname "$0")/.."

say() { echo "setup: $*" >&2; }
fail() { say "$*"; exit 1; }

check_node() {
  command -v node >/dev/null || fail 'Node.js is missing: install version 20 or newer.'
  node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' ||
    fail "Node.js $(node --version) is too old: install version 20 or newer."
}

# npm writes node_modules/.package-lock.json at the end of an installation.
install_modules() {
  # A link leads to another checkout's, which is not ours to renew.
  if [ -L node_modules ]; then return; fi
  stamp=node_modules/.package-lock.json
  if [ -f "$stamp" ] && [ -z "$(find package-lock.json -newer "$stamp")" ]; then return; fi
  say 'installing node_modules'
  # npm ci refuses a lock file without the packages of other platforms, which is what npm writes where the registry lacks those.
  # npm install takes the same versions from it all the same.
  npm ci --no-audit --no-fund --loglevel=silent >&2 ||
    npm install --no-save --no-audit --no-fund --loglevel=error >&2 ||
    fail 'npm could not install node_modules: see its message above.'
}

build() {
  node_modules/.bin/tsx scripts/build.ts >&2
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install_redis() {
  if command -v redis-server >/dev/null; then return; fi
  if command -v apt-get >/dev/null; then
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
      fail 'redis-server is missing, and installing it needs root or sudo: apt-get install redis-server'
    fi
    say 'installing redis-server'
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get install -y -qq redis-server >/dev/null 2>&1 ||
      { as_root apt-get update -qq >&2 && as_root apt-get install -y -qq redis-server >&2; }
  elif command -v brew >/dev/null; then
    say 'installing redis'
    brew install --quiet redis >&2
  fi
  command -v redis-server >/dev/null ||
    fail 'redis-server is missing: install Redis and see that redis-server is on the PATH.'
}

# A proxy for the tests of one. They are skipped, and say so, where it can't be had.
install_nutcracker() {
  if [ "${npm_lifecycle_event:-}" != test ] || command -v nutcracker >/dev/null || ! command -v apt-get >/dev/null; then return; fi
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then return; fi
  say 'installing nutcracker'
  export DEBIAN_FRONTEND=noninteractive
  as_root apt-get install -y -qq nutcracker >/dev/null 2>&1 ||
    { as_root apt-get update -qq >/dev/null 2>&1 && as_root apt-get install -y -qq nutcracker >/dev/null 2>&1; } ||
    say 'nutcracker could not be installed: the tests of a proxy as target are skipped.'
}

check_node
install_modules
build
install_redis
install_nutcracker
