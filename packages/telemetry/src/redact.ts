/*
 * What may stand in a log: no secrets, and of URLs neither account nor query, nor what follows a #. By the name of the field, at any depth, and by the
 * look of the text, since errors of other libraries carry URLs in their messages.
 */

const secretName =
  /^(authorization|proxy-authorization|cookie|set-cookie|.*(token|password|passphrase|secret|credentials?|signature|(api|private)[-_]?key)|passwd|pwd|jwt|sig)$/i;
const hidden = "[redacted]";
const deepest = 6;

/** A copy that may be logged. Errors become plain objects with their causes. */
export function redact(fields: object): Record<string, unknown> {
  return redactFields(fields, 0);
}

/** The text with account and query of every URL in it left out. */
function redactText(text: string): string {
  if (!text.includes("://")) return text;
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"']*@/gi, "$1")
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^\s?#"']*)[?#][^\s"']*/gi, "$1?…");
}

function redactFields(fields: object, depth: number): Record<string, unknown> {
  const entries = Object.entries(fields).map(([name, value]) => [
    name,
    secretName.test(name) ? hidden : redactValue(value, depth),
  ]);
  return Object.fromEntries(entries);
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  if (depth >= deepest) return "[too deep]";
  if (value instanceof Error) return redactError(value, depth + 1);
  if (value instanceof URL) return redactText(value.href);
  if (Array.isArray(value)) return value.map((item) => redactValue(item, depth + 1));
  return redactFields(value, depth + 1);
}

/** Own fields of errors (code, details, errors of an AggregateError …) say what happened; the message and stack are not among them. */
function redactError(error: Error, depth: number): Record<string, unknown> {
  const { name, message, stack, cause, ...own } = {
    ...error,
    name: error.name,
    message: error.message,
    stack: error.stack,
    cause: error.cause,
  };
  return {
    type: name,
    message: redactText(message),
    ...redactFields(own, depth),
    ...(stack === undefined ? {} : { stack: redactText(stack) }),
    ...(cause === undefined ? {} : { cause: redactValue(cause, depth) }),
  };
}
