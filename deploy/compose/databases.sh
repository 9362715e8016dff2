#!/bin/bash
# Run by the database's image at its very first start: one database and one user for each service that keeps something, so
# that no service can read another's tables.
set -euo pipefail
for service in auth sender contacts; do
  mariadb -uroot -p"$(cat /keys/root.password)" <<SQL
CREATE DATABASE IF NOT EXISTS postern_$service CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS 'postern_$service'@'%' IDENTIFIED BY '$(cat "/keys/$service.password")' REQUIRE SSL;
GRANT ALL ON postern_$service.* TO 'postern_$service'@'%';
SQL
done
