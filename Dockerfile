# One image for every app; the command chooses: `scheduler`, `fetcher`, `transformer`, `api`, or a command of ./penstock.
ARG NODE_IMAGE=node:24-bookworm-slim

# The manifests alone, so that a change of the source does not install the dependencies again.
FROM ${NODE_IMAGE} AS manifests
WORKDIR /app
COPY . .
RUN find . -type f ! -name package.json ! -name package-lock.json ! -name .npmrc -delete && find . -type d -empty -delete

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY --from=manifests /app ./
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --omit=optional --omit=peer --no-audit --no-fund
# Sources, types, maps, and the engines of databases and platforms that are not used here.
COPY deploy/prune.sh /tmp/
RUN sh /tmp/prune.sh node_modules

FROM ${NODE_IMAGE} AS clients
WORKDIR /app
COPY --from=manifests /app ./
RUN --mount=type=cache,target=/root/.npm npm ci --workspace packages/store --no-audit --no-fund
COPY prisma prisma
COPY prisma.config.*.ts ./
RUN npm run generate --workspace packages/store

FROM ${NODE_IMAGE} AS page
WORKDIR /app
COPY --from=manifests /app ./
RUN --mount=type=cache,target=/root/.npm npm ci --workspace apps/dashboard --no-audit --no-fund
COPY packages packages
COPY apps/dashboard apps/dashboard
RUN node apps/dashboard/bundle/main.ts

FROM ${NODE_IMAGE} AS penstock
LABEL org.opencontainers.image.title="Penstock" \
      org.opencontainers.image.description="Pulls records out of third-party HTTP APIs and lands them in your own database" \
      org.opencontainers.image.licenses="Apache-2.0"
# tini hands signals on to Node and reaps what a crashed child leaves.
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
WORKDIR /app
ENV NODE_ENV=production PENSTOCK_HTTP_HOST=0.0.0.0 PENSTOCK_HTTP_PORT=9464 PENSTOCK_DATA_DIR=/data
ENV NODE_COMPILE_CACHE=/app/.compile-cache
# As ./penstock; how large the heap may be, Node sees from the container.
ENV NODE_OPTIONS=--max-semi-space-size=4
RUN mkdir /data .compile-cache && chown node:node /data .compile-cache
COPY --from=dependencies /app ./
COPY --from=clients /app/packages/store/generated packages/store/generated
COPY . .
COPY --from=page /app/apps/dashboard/dist apps/dashboard/dist
USER node
RUN deploy/warm.sh
VOLUME /data
EXPOSE 9464 9470
# Alive, not ready: a process whose database is away waits for it, and starting it again would help nobody.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=2s \
  CMD /app/deploy/healthcheck.sh "http://127.0.0.1:$PENSTOCK_HTTP_PORT/health/live"
# Last, since they change more often than all else.
ARG PENSTOCK_VERSION=latest PENSTOCK_REVISION=unknown
LABEL org.opencontainers.image.version=$PENSTOCK_VERSION org.opencontainers.image.revision=$PENSTOCK_REVISION
ENTRYPOINT ["tini", "--", "/app/deploy/entrypoint.sh"]
CMD ["up"]
