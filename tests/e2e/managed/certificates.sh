#!/bin/sh
# An authority of its own, and one certificate from it for all servers; each server gets a key that it alone may read.
set -eu
cd /certificates
[ -e server.crt ] && exit
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout authority.key -out authority.crt 2>/dev/null
openssl req -newkey rsa:2048 -nodes -subj /CN=server -keyout server.key -out server.csr 2>/dev/null
printf 'subjectAltName=DNS:redis,DNS:valkey,DNS:postgres,DNS:pgbouncer' >names
openssl x509 -req -days 2 -in server.csr -CA authority.crt -CAkey authority.key -extfile names -out server.crt 2>/dev/null
chmod 644 ./*.crt server.key
