#!/bin/sh
# Takes out of node_modules what no process here reads: types, tests, source maps, documentation, sources of native modules, and
# engines for other databases and platforms.
set -eu
cd "$1"
find . -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.md' -o -name '*.test.*' \) -delete
find @prisma/client/runtime -type f -name 'query_compiler_*' ! -name '*.postgresql.*' ! -name '*.sqlite.*' -delete
rm -rf zod/src better-sqlite3/deps better-sqlite3/src @electric-sql/pglite/src
platform=$(node -p 'process.platform + "-" + process.arch')
find better-sqlite3/prebuilds -type f ! -name "$platform.node" -delete
