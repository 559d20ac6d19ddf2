import type { JsonValue } from "@penstock/core/json";
import JSONParser from "@streamparser/json/jsonparser.js";
import type { JsonPath } from "./json-path.ts";

/** Reads a JSON text piece by piece, and gives the records in it as they come. */
export type RecordStream = {
  /** @throws Error when it is no JSON */
  write(piece: string): void;
  /**
   * The body without its records, for what stands beside them.
   *
   * @throws Error when the text ends too early
   */
  end(): JsonValue;
};

/** @param path of the array of records; `""` where the body itself is that array */
export function createRecordStream(path: JsonPath, onRecord: (record: JsonValue) => void): RecordStream {
  const root = path === "" ? "$" : `$.${path}`;
  const parser = new JSONParser({ paths: ["$", `${root}.*`], stringBufferSize: 64 * 1024, numberBufferSize: 64 });
  let body: JsonValue | undefined;
  let arrays = 0;
  parser.onValue = ({ value, key, parent, stack }) => {
    if (stack.length === 0) {
      body = value as JsonValue;
    } else if (Array.isArray(parent)) {
      // The library numbers the records by itself: they need not stay.
      parent.length = 0;
      if (key === 0) arrays += 1;
      if (arrays > 1) throw new SyntaxError("the array of records stands there twice");
      onRecord(value as JsonValue);
    }
  };
  return {
    write: (piece) => parser.write(piece),
    end: () => {
      if (!parser.isEnded) parser.end();
      if (body === undefined) throw new SyntaxError("the text ends too early");
      return body;
    },
  };
}
