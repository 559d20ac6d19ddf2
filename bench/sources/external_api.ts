import external from "@penstock/sources/external_api.ts";

/** The one source that the benchmark runs. */
export default external;
