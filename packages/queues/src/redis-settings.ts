import { ConfigError } from "@penstock/core/errors";
import type { RedisOptions } from "ioredis";

export type RedisSettings = {
  /** `redis[s]://[user:password@]host:port/db`. With Sentinel only account, db and TLS of it are used. */
  url: string;
  sentinel?: { master: string; hosts: { host: string; port: number }[]; password?: string };
  /** Accepts a Redis that may evict or forget jobs. For tests and development. */
  allowVolatile?: boolean;
};

export type ConnectionOptions = Omit<RedisOptions, "replyMapping">;

/** Retries for ever, at least once a second; commands wait meanwhile instead of failing jobs that succeeded. */
const patience: ConnectionOptions = {
  maxRetriesPerRequest: null,
  retryStrategy: (times) => Math.min(100 * times, 1_000),
  sentinelRetryStrategy: (times) => Math.min(100 * times, 1_000),
};

/**
 * ioredis' options.
 *
 * @throws ConfigError `CONFIG_INVALID` for an address that is none; never shows it, since it may hold a password
 */
export function redisOptions(settings: RedisSettings): ConnectionOptions {
  const url = parseUrl(settings.url);
  const account: ConnectionOptions = {
    ...(url.username === "" ? {} : { username: decodeURIComponent(url.username) }),
    ...(url.password === "" ? {} : { password: decodeURIComponent(url.password) }),
    ...(url.protocol === "rediss:" ? { tls: {} } : {}),
    db: Number(url.pathname.slice(1) || 0),
  };
  return { ...patience, ...account, ...place(settings, url) };
}

function place({ sentinel }: RedisSettings, url: URL): ConnectionOptions {
  if (sentinel === undefined) return { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || 6379) };
  const password = sentinel.password === undefined ? {} : { sentinelPassword: sentinel.password };
  return { sentinels: sentinel.hosts, name: sentinel.master, ...password };
}

/** `host:port`, for people; without account. */
export function redisAddress({ url, sentinel }: RedisSettings): string {
  if (sentinel === undefined) return parseUrl(url).host;
  return `${sentinel.master} behind Sentinel ${sentinel.hosts.map(({ host, port }) => `${host}:${port}`).join(", ")}`;
}

function parseUrl(text: string): URL {
  const url = URL.parse(text);
  if (url !== null && /^rediss?:$/.test(url.protocol) && url.hostname !== "" && /^(\/\d*)?$/.test(url.pathname))
    return url;
  throw new ConfigError(
    "CONFIG_INVALID",
    "the address of Redis is not of the form redis://[user:password@]host:port/db",
  );
}
