import external from "@penstock/sources/external_api.ts";

export default external;
