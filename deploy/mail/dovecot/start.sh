#!/bin/sh
# The volumes are root's when new; Dovecot delivers as vmail, and Postfix comes through the sockets' folder.
set -eu
chown vmail:vmail /var/mail
chmod 755 /run/mail
exec dovecot -F
