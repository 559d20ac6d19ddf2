type Values = { [name: string]: string | number | boolean | readonly string[] | undefined };

/** A path of the contract with its parameters and query filled in: `/v1/runs/{run}` to `/v1/runs/r1?limit=5`. */
export function targetOf(path: string, params: Values = {}, query: Values = {}): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params[name])));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    const values = Array.isArray(value) ? value : [value];
    for (const one of values) if (one !== undefined && one !== "") search.append(name, String(one));
  }
  return search.size === 0 ? filled : `${filled}?${search}`;
}
