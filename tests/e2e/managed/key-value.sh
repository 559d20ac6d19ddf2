#!/bin/sh
# Redis or Valkey, whichever is installed, behind TLS and with the account that docs/operations.md names.
set -eu
server=$(command -v valkey-server || command -v redis-server)
exec "$server" --port 0 --tls-port 6379 --tls-auth-clients no \
  --tls-cert-file /certificates/server.crt --tls-key-file /certificates/server.key \
  --tls-ca-cert-file /certificates/authority.crt \
  --dir /tmp --appendonly yes --maxmemory-policy noeviction --requirepass "$REDISCLI_AUTH" \
  --user penstock on ">$REDISCLI_AUTH" "~penstock:*" +@all -@admin -@dangerous +info
