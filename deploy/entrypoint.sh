#!/bin/sh
# What a container does: `scheduler`, `fetcher`, `transformer` or `api` as a process of its own, `usgs-replay` for the demo, anything else as
# ./penstock does it.
set -eu
case ${1:-} in
  scheduler | fetcher | transformer | api)
    app=$1
    shift
    exec node "/app/apps/$app/src/main.ts" "$@"
    ;;
  usgs-replay)
    shift
    exec node /app/packages/testing/src/simulators/usgs-replay-main.ts "$@"
    ;;
  *) exec node /app/apps/cli/src/main.ts "$@" ;;
esac
