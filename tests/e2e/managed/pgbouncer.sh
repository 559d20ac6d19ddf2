#!/bin/sh
# Transaction mode: a connection is a client's for one transaction only. Newer ones can take prepared statements along; most that run do not.
set -eu
cat >/tmp/pgbouncer.ini <<INI
[databases]
* = host=postgres port=5432
[pgbouncer]
listen_addr = 0.0.0.0
listen_port = 6432
pool_mode = transaction
max_prepared_statements = 0
default_pool_size = 5
auth_type = plain
auth_file = /tmp/users
server_tls_sslmode = verify-full
server_tls_ca_file = /certificates/authority.crt
client_tls_sslmode = require
client_tls_key_file = /certificates/server.key
client_tls_cert_file = /certificates/server.crt
INI
printf '"penstock" "%s"\n' "$POSTGRES_PASSWORD" >/tmp/users
exec pgbouncer /tmp/pgbouncer.ini
