#!/bin/bash
# What the compose file uses of the official image: MARIADB_ROOT_PASSWORD_FILE and /docker-entrypoint-initdb.d.
set -euo pipefail
if [ "$(id -u)" = 0 ]; then
  chown mysql:mysql /var/lib/mysql
  exec setpriv --reuid=mysql --regid=mysql --init-groups "$0" "$@"
fi
if [ ! -d /var/lib/mysql/mysql ]; then
  mariadb-install-db --datadir=/var/lib/mysql --auth-root-authentication-method=normal --skip-test-db >/dev/null
  mariadbd --skip-networking --socket=/run/mysqld/mysqld.sock &
  server=$!
  for _ in $(seq 120); do mariadb-admin -uroot ping >/dev/null 2>&1 && break; sleep .25; done
  mariadb -uroot -e "ALTER USER root@localhost IDENTIFIED BY '$(cat "$MARIADB_ROOT_PASSWORD_FILE")'"
  for script in /docker-entrypoint-initdb.d/*.sh; do bash "$script"; done
  mariadb-admin -uroot -p"$(cat "$MARIADB_ROOT_PASSWORD_FILE")" shutdown
  wait "$server"
fi
exec mariadbd --bind-address=0.0.0.0 "$@"
