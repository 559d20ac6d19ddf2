/** What a query asks for; times in milliseconds since 1970. */
export type UsgsQuery = {
  limit: number;
  offset: number;
  startTime: number;
  updatedAfter: number;
  minMagnitude: number | undefined;
};

const largestLimit = 20_000;
const known = new Set(["format", "orderby", "limit", "offset", "starttime", "updatedafter", "minmagnitude"]);

class BadParameter extends Error {}

/** The query, or the problem with it in the words of the real API. */
export function parseQuery(params: URLSearchParams): UsgsQuery | { problem: string } {
  try {
    for (const name of params.keys()) if (!known.has(name)) throw new BadParameter(`Unknown parameter "${name}".`);
    requireValue(params, "format", "geojson");
    requireValue(params, "orderby", "time-asc");
    return {
      limit: readInteger(params, "limit", largestLimit, largestLimit),
      offset: readInteger(params, "offset", 1, Number.MAX_SAFE_INTEGER),
      startTime: readTime(params, "starttime"),
      updatedAfter: readTime(params, "updatedafter"),
      minMagnitude: params.has("minmagnitude") ? readNumber(params, "minmagnitude") : undefined,
    };
  } catch (error) {
    if (error instanceof BadParameter) return { problem: error.message };
    throw error;
  }
}

function requireValue(params: URLSearchParams, name: string, value: string): void {
  if (params.get(name) !== value) throw bad(name, params.get(name), `This replay knows "${value}" only.`);
}

function readInteger(params: URLSearchParams, name: string, fallback: number, max: number): number {
  const text = params.get(name);
  if (text === null) return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw bad(name, text, `Valid values are between 1 and ${max}.`);
}

function readTime(params: URLSearchParams, name: string): number {
  const text = params.get(name);
  if (text === null) return Number.NEGATIVE_INFINITY;
  const hasZone = /Z$|[+-]\d{2}:?\d{2}$/.test(text);
  const value = Date.parse(hasZone || !text.includes("T") ? text : `${text}Z`);
  if (!Number.isNaN(value)) return value;
  throw bad(name, text, "Valid values are ISO-8601 timestamps.");
}

function readNumber(params: URLSearchParams, name: string): number {
  const value = Number(params.get(name));
  if (!Number.isNaN(value)) return value;
  throw bad(name, params.get(name), "Valid values are numbers.");
}

function bad(name: string, value: string | null, valid: string): BadParameter {
  return new BadParameter(`Bad ${name} value "${value ?? ""}". ${valid}`);
}
