import { z } from "zod";

/* What both programs that are no Penstock do with a page: a loop as one writes it, with the checks that Penstock's source makes. */

const page = z.object({
  items: z.array(z.object({ id: z.string(), ts: z.iso.datetime(), value: z.number(), meta: z.unknown().optional() })),
});

export type Row = { id: string; ts: string; value: number; value_scaled: number; source: string; meta: unknown };

/** The pages of the API, one after the other, validated and transformed. */
export async function* readPages(baseUrl: string, pageSize: number): AsyncGenerator<Row[]> {
  for (let since: string | undefined; ; ) {
    const query = new URLSearchParams({ limit: String(pageSize), ...(since !== undefined && { since }) });
    const response = await fetch(`${baseUrl}/data?${query}`);
    if (!response.ok) throw new Error(`${response.status} from ${baseUrl}`);
    const { items } = page.parse(await response.json());
    if (items.length > 0) yield items.map(toRow);
    if (items.length < pageSize) return;
    since = items.at(-1)?.ts;
  }
}

const toRow = ({ id, ts, value, meta }: z.infer<typeof page>["items"][number]): Row => ({
  id,
  ts,
  value,
  value_scaled: value * 100,
  source: "external_api",
  meta: meta ?? null,
});
