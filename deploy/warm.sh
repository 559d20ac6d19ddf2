#!/bin/sh
# Has Node compile what the processes load into NODE_COMPILE_CACHE, so that a container starts in half the time: the demo, which runs
# all of the pipeline, and each service as far as its configuration, which is missing here.
set -eu
PENSTOCK_DATA_DIR=$(mktemp -d) node apps/cli/src/main.ts demo --json >/dev/null
for service in scheduler fetcher transformer api; do
  DATABASE_URL=postgres://127.0.0.1:1/none REDIS_URL=redis://127.0.0.1:1 PENSTOCK_HTTP_PORT=0 \
    node "apps/$service/src/main.ts" >/dev/null 2>&1 && exit 1
done
rm -rf /tmp/*
