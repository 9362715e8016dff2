#!/bin/sh
# Writes the hashed lock files from pyproject.toml: everything first, then each subset held to the same versions.
# No index host may stand in them, so that they install from any mirror.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}
lock() { # lock NAME EXTRAS...
  out=requirements/$1.txt; shift
  # shellcheck disable=SC2068
  "$uv" pip compile -q pyproject.toml --python-version 3.11 --universal --generate-hashes --no-emit-index-url \
    --no-emit-find-links --no-header --no-annotate $(for e in $@; do printf -- '--extra %s ' "$e"; done) $constraint -o "$out"
}
constraint=
lock dev auth mailstore sender contacts web local dev
constraint='-c requirements/dev.txt'
lock run auth mailstore sender contacts web local
for service in auth mailstore sender contacts web; do lock "$service" "$service"; done
