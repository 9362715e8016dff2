#!/bin/bash
# Healthy once it answers over TCP, as the official image's --connect asks: refused credentials are an answer too.
mariadb-admin --protocol=tcp -h127.0.0.1 -uroot -p"$(cat /keys/root.password)" --ssl ping 2>&1 | grep -qE 'alive|Access denied'
