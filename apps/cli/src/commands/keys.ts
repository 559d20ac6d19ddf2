import { createKeySecret } from "@penstock/api/access/secrets";
import { ConfigError } from "@penstock/core/errors";
import { exitCodes } from "@penstock/runtime/failure";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import { type ApiKey, type KeyScope, keyScopes } from "@penstock/store/access";
import type { Store } from "@penstock/store/store";
import Table from "cli-table3";
import { authorOf } from "../author.ts";
import type { CommandContext } from "../program.ts";

/** `penstock keys create`: the only time that the key is seen. */
export async function create(
  context: CommandContext,
  name: string,
  options: { scope: string; expires?: string; json?: boolean },
): Promise<number> {
  const scope = scopeOf(options.scope);
  const expiresAt = options.expires === undefined ? null : new Date(Date.now() + lifetimeMs(options.expires));
  await using stack = new AsyncDisposableStack();
  const store = await open(context, stack);
  const { id, key, secretHash } = createKeySecret();
  const isCreated = await store.access.createKey({ id, name, scope, secretHash, expiresAt }, authorOf({}));
  if (!isCreated) throw taken(name);
  const json = JSON.stringify({ id, name, scope, expiresAt, key });
  context.out.write(options.json === true ? `${json}\n` : `${key}\n`);
  if (options.json !== true) context.err.write("Keep it: it cannot be shown again.\n");
  return exitCodes.ok;
}

/** `penstock keys list` */
export async function list(context: CommandContext, options: { json?: boolean }): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const store = await open(context, stack);
  const keys = await store.access.keys();
  if (options.json === true) for (const key of keys) context.out.write(`${JSON.stringify(key)}\n`);
  else context.out.write(keys.length === 0 ? "no keys\n" : `${tableOf(keys)}\n`);
  return exitCodes.ok;
}

/** `penstock keys revoke` */
export async function revoke(context: CommandContext, id: string, options: { reason?: string }): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const store = await open(context, stack);
  if (!(await store.access.revokeKey(id, authorOf(options))))
    throw new ConfigError("KEY_UNKNOWN", `there is no key ${id}, or it was revoked already`);
  context.out.write(`${id} revoked\n`);
  return exitCodes.ok;
}

async function open({ config }: CommandContext, stack: AsyncDisposableStack): Promise<Store> {
  return stack.adopt(await openConfiguredStore(config), (opened) => opened.close());
}

function scopeOf(text: string): KeyScope {
  const found = keyScopes.find((scope) => scope === text);
  if (found !== undefined) return found;
  throw new ConfigError("CONFIG_INVALID", `--scope must be one of ${keyScopes.join(", ")}, got ${text}`);
}

function lifetimeMs(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count !== undefined && Number(count) > 0) return Number(count) * (unitMs[unit ?? ""] ?? 0);
  throw new ConfigError("CONFIG_INVALID", `--expires must be a duration as 12h or 90d, got ${text}`);
}

const unitMs: { readonly [unit: string]: number } = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function taken(name: string): ConfigError {
  return new ConfigError("CONFIG_INVALID", `there is a key named ${name} already`, {
    remedy: "use another name, or revoke it; `penstock keys list` shows its id",
  });
}

function tableOf(keys: ApiKey[]): string {
  const table = new Table({
    head: ["id", "name", "scope", "created", "expires", "state"],
    style: { head: [], border: [] },
  });
  for (const { id, name, scope, createdAt, expiresAt, revokedAt } of keys) {
    const hasExpired = expiresAt !== null && expiresAt <= new Date();
    const state = revokedAt === null ? (hasExpired ? "expired" : "valid") : "revoked";
    table.push([id, name, scope, createdAt.toISOString(), expiresAt?.toISOString() ?? "never", state]);
  }
  return table.toString();
}
