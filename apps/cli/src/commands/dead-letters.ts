import type { ErrorCode } from "@penstock/core/error-codes";
import { ConfigError } from "@penstock/core/errors";
import type { LetterStatus } from "@penstock/core/letter";
import { exitCodes } from "@penstock/runtime/failure";
import { openConfiguredStore } from "@penstock/runtime/open-database";
import type { LetterFilter, StoredLetter } from "@penstock/store/store";
import Table from "cli-table3";
import type { CommandContext } from "../program.ts";

export type FilterOptions = { stream?: string; code?: string; limit: string; status?: string; json?: boolean };

/** `penstock dead-letters list` */
export async function list(context: CommandContext, options: FilterOptions): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const store = stack.adopt(await openConfiguredStore(context.config, { isReadOnly: true }), (opened) =>
    opened.close(),
  );
  const letters = await store.listLetters(filterOf([], options));
  if (options.json === true) for (const letter of letters) context.out.write(`${JSON.stringify(letter)}\n`);
  else context.out.write(letters.length === 0 ? "no such dead letters\n" : `${tableOf(letters)}\n`);
  return exitCodes.ok;
}

/** `penstock dead-letters show` */
export async function show(context: CommandContext, id: string): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const store = stack.adopt(await openConfiguredStore(context.config, { isReadOnly: true }), (opened) =>
    opened.close(),
  );
  const letter = await store.readLetter(id);
  if (letter === undefined) throw new ConfigError("LETTER_UNKNOWN", `there is no dead letter ${id}`);
  context.out.write(`${JSON.stringify({ ...letter, payload: JSON.parse(letter.payload) }, null, 2)}\n`);
  return exitCodes.ok;
}

/** `penstock dead-letters discard` */
export async function discard(context: CommandContext, ids: string[], options: FilterOptions): Promise<number> {
  if (ids.length === 0 && options.stream === undefined && options.code === undefined) {
    throw new ConfigError("CONFIG_INVALID", "dead-letters discard needs ids, --stream or --code", {
      remedy: "`penstock dead-letters list` shows the ids",
    });
  }
  await using stack = new AsyncDisposableStack();
  const store = stack.adopt(await openConfiguredStore(context.config), (opened) => opened.close());
  const letters = await store.listLetters(filterOf(ids, options));
  const count = await store.discardLetters(letters.map(({ id }) => id));
  context.out.write(`${count} discarded\n`);
  return exitCodes.ok;
}

export function filterOf(ids: string[], options: FilterOptions): LetterFilter {
  const [source, stream] = options.stream?.split(".", 2) ?? [];
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1)
    throw new ConfigError("CONFIG_INVALID", `--limit must be a whole number above 0, got ${options.limit}`);
  return {
    limit,
    status: (options.status ?? "open") as LetterStatus,
    ...(ids.length > 0 && { ids }),
    ...(source !== undefined && { source }),
    ...(stream !== undefined && { stream }),
    ...(options.code !== undefined && { code: options.code as ErrorCode }),
  };
}

function tableOf(letters: StoredLetter[]): string {
  const table = new Table({
    head: ["id", "stream", "code", "key", "path", "met", "last seen", "message"],
    style: { head: [], border: [] },
    wordWrap: true,
    colWidths: [null, null, null, null, null, null, null, 60],
  });
  for (const letter of letters) {
    const { id, source, stream, code, key, path, attempts, lastSeenAt, message } = letter;
    table.push([
      id,
      `${source}.${stream}`,
      code,
      key ?? "",
      path ?? "",
      `${attempts}×`,
      lastSeenAt.toISOString(),
      message,
    ]);
  }
  return table.toString();
}
