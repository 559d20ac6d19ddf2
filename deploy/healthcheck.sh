#!/usr/bin/env bash
# Asks the address it is given, such as http://127.0.0.1:9464/health/live: exit 0 for the answer 200, else 1. By bash alone, since this
# runs in every container every few seconds, and Node's start takes longer than the answer.
set -euo pipefail

address=${1#http://}
server=${address%%/*}
exec 3<>"/dev/tcp/${server%:*}/${server##*:}"
printf 'GET /%s HTTP/1.0\r\nHost: %s\r\n\r\n' "${address#*/}" "$server" >&3
read -r -t 2 _ status _ <&3
[ "$status" = 200 ]
