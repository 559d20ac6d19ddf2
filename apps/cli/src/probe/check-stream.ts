import type { ErrorCode } from "@penstock/core/error-codes";
import { ConfigError, PenstockError } from "@penstock/core/errors";
import type { ParentValues } from "@penstock/core/partition";
import type { Source, Stream } from "@penstock/source/model";
import { type Preview, previewPage } from "@penstock/source/preview";
import type { Asking } from "./asking.ts";
import { type Finding, judgeNext, judgePage } from "./judge-page.ts";
import { parentValues } from "./parent-values.ts";

/** What a stream's first two pages say; what keeps them from being fetched is a finding as well. */
export async function checkStream(source: Source, stream: Stream, asking: Asking): Promise<Finding[]> {
  try {
    const parent = await parentValues(source, stream, [], asking);
    const first = await previewPage(source, stream, { ...asking, parent });
    const reached: Finding = { check: "reachable, request accepted", outcome: "ok", detail: answered(source, first) };
    return [reached, ...judgePage(stream, first), await checkNext(source, stream, first, parent, asking)];
  } catch (error) {
    if (!(error instanceof PenstockError) || asking.signal.aborted) throw error;
    return failureFindings(error);
  }
}

function answered({ auth }: Source, { page }: Preview): string {
  return `${page.status} in ${Math.round(page.durationMs)} ms, auth: ${auth.kind}`;
}

async function checkNext(
  source: Source,
  stream: Stream,
  first: Preview,
  parent: ParentValues | undefined,
  asking: Asking,
): Promise<Finding> {
  const { next } = first.page;
  if (next.kind === "end")
    return { check: "next page", outcome: "ok", detail: `none: the first page is the last (${stream.paginator.kind})` };
  if (next.kind === "incomplete") return { check: "next page", outcome: "failed", detail: `no way on: ${next.code}` };
  try {
    return judgeNext(first, await previewPage(source, stream, { ...asking, parent, position: next.position }));
  } catch (error) {
    if (!(error instanceof PenstockError) || asking.signal.aborted) throw error;
    return { check: "next page", outcome: "failed", detail: error.message, remedy: error.remedy };
  }
}

const unreachable = new Set<ErrorCode>(["CONNECTION_FAILED", "TIMEOUT"]);
const afterAcceptance = new Set<ErrorCode>(["SELECTOR_MISSED"]);

/** The checks that came before the one that failed are good, those after it are left out. */
function failureFindings(error: PenstockError): Finding[] {
  const failed = { outcome: "failed", detail: error.message, remedy: error.remedy } as const;
  if (error instanceof ConfigError) return [{ check: "parent record", ...failed }];
  if (unreachable.has(error.code)) return [{ check: "reachable", ...failed }];
  if (error.code === "UNAUTHORIZED")
    return [
      { check: "reachable", outcome: "ok", detail: "" },
      { check: "auth", ...failed },
    ];
  if (afterAcceptance.has(error.code))
    return [
      { check: "reachable, request accepted", outcome: "ok", detail: "" },
      { check: "records found", ...failed },
    ];
  return [
    { check: "reachable", outcome: "ok", detail: "" },
    { check: "request accepted", ...failed },
  ];
}
