#!/usr/bin/env bash
# Builds the images, brings the shipped docker-compose.yml up for real and passes a message through it.
#
# Uses the Docker engine that answers; else ../shared/containers/engine.sh where that is there; else says that it was not
# run. Ends with everything down again. KEEP=1 leaves the stack up.
set -euo pipefail
cd "$(dirname "$0")/../.."
engine=../shared/containers/engine.sh
python=.venv/bin/python
own=
if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then
  inside() { "$@"; }
elif [ -x "$engine" ] && [ "$(id -u)" = 0 ]; then
  own=1
  eval "$("$engine" env)"
  export PATH=/usr/bin:/usr/sbin:$PATH
  inside() { "$engine" in "$@"; }
else
  echo "containers: NOT RUN: no Docker engine answers here (docker info) and none can be started"
  exit 0
fi

export COMPOSE_PROJECT_NAME=postern-test PORT=${PORT:-18080}
export POSTERN_PUBLIC_URL=http://127.0.0.1:$PORT POSTERN_UNDO_SEND_SECONDS=0
started=
finish() {
  status=$?
  if [ -n "$started" ] && [ $status -ne 0 ]; then
    docker compose ps -a || true
    docker compose logs --tail 40 2>&1 | cut -c1-400 || true
  fi
  [ -n "${KEEP:-}" ] && exit $status
  [ -n "$started" ] && docker compose down --volumes --timeout 20 >/dev/null 2>&1
  [ -n "$own" ] && "$engine" down
  exit $status
}
trap finish EXIT

echo "containers: building the images"
if [ -n "$own" ]; then
  "$engine" build
  # Two images at a time would fight for two cores; the compose file's own build sections say what is built.
  docker compose config --format json | "$python" -c '
import json, sys
seen = {}
for service in json.load(sys.stdin)["services"].values():
    build = service.get("build")
    if build and service["image"] not in seen:
        seen[service["image"]] = 1
        print(service["image"], build["context"], build.get("dockerfile", "Dockerfile"))
' | while read -r image context dockerfile; do
    case $dockerfile in /*) ;; *) dockerfile=$context/$dockerfile ;; esac
    docker build -q --network=host -t "$image" -f "$dockerfile" "$context" >/dev/null </dev/null
    echo "containers: built $image"
  done
  if ! docker image inspect mariadb:11.4 >/dev/null 2>&1; then
    docker build -q --network=host -t mariadb:11.4 tests/containers/mariadb >/dev/null
    echo "containers: mariadb:11.4 is a stand-in made from Debian's MariaDB (no registry of images is reached)"
  fi
  "$engine" run
else
  docker compose build -q
fi

echo "containers: bringing docker-compose.yml up"
started=1
docker compose up -d --no-build ${own:+--pull never} --wait --wait-timeout 180
inside env POSTERN_E2E_URL="$POSTERN_PUBLIC_URL" "$PWD/$python" -m pytest -q tests/containers/story.py
