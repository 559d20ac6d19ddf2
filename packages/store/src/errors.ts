import { InfrastructureError, PenstockError } from "@penstock/core/errors";

/*
 * What a database error means is decided here, by codes: SQLSTATE of Postgres, SQLITE_* of SQLite, P… of Prisma, E… of sockets.
 */

/** Classes and codes of SQLSTATE after which the same work may succeed: connection, resources, operator, rollback, read-only. */
const passingSqlStates = [/^08/, /^53/, /^57P0[1-5]$/, /^57014$/, /^40/, /^55P03$/, /^25006$/, /^58/];
/** Data exceptions, integrity, program limits: the data itself is refused. */
const dataSqlStates = [/^22/, /^23/, /^54/];
const passingSqlite = /^SQLITE_(BUSY|LOCKED|FULL|IOERR|READONLY|CANTOPEN|NOMEM|PROTOCOL|INTERRUPT)/;
const passingPrisma = new Set(["P1001", "P1002", "P1008", "P1017", "P2024", "P2028", "P2034", "P2037"]);
const socketCodes = /^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH)$/;
const busyCodes = /^(40001|40P01|55P03|SQLITE_BUSY.*|SQLITE_LOCKED.*|P2024|P2028|P2034|TransactionWriteConflict)$/;
const kindsOfPassing = new Set([
  "DatabaseNotReachable",
  "ConnectionClosed",
  "TlsConnectionError",
  "SocketTimeout",
  "TooManyConnections",
  "TransactionWriteConflict",
]);

/** All codes along an error and its causes. */
export function codesOf(error: unknown): string[] {
  const codes: string[] = [];
  const seen = new Set<unknown>();
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null || seen.has(value)) return;
    seen.add(value);
    const fields = value as Record<string, unknown>;
    for (const name of ["code", "originalCode", "errorCode", "kind"])
      if (typeof fields[name] === "string") codes.push(fields[name]);
    for (const name of ["cause", "meta", "driverAdapterError"]) visit(fields[name]);
    if (Array.isArray(fields["errors"])) fields["errors"].forEach(visit);
  };
  visit(error);
  return codes;
}

/** What the database itself said, without Prisma's words around it. */
export function reasonOf(error: unknown): string {
  if (typeof error !== "object" || error === null) return String(error);
  const { originalMessage, meta, cause, driverAdapterError, message } = error as Record<string, unknown>;
  if (typeof originalMessage === "string") return originalMessage;
  const inner = [meta, driverAdapterError, cause].find((each) => typeof each === "object" && each !== null);
  return inner === undefined ? String(message) : reasonOf(inner);
}

/** True when the statement failed for what was in it, not for the state of the database. */
export function isRefusedData(error: unknown): boolean {
  return codesOf(error).some(
    (code) =>
      dataSqlStates.some((pattern) => code.length === 5 && pattern.test(code)) ||
      /^SQLITE_(CONSTRAINT|TOOBIG|MISMATCH|RANGE)/.test(code),
  );
}

/** True for conflicts that a repetition at once usually gets past. */
export function isConflict(error: unknown): boolean {
  const codes = codesOf(error);
  if (codes.some((code) => /^(40001|40P01|P2034|TransactionWriteConflict|SQLITE_BUSY_SNAPSHOT)$/.test(code)))
    return true;
  // Of two that change the same index at once, and has no code of its own.
  return codes.includes("XX000") && reasonOf(error).includes("tuple concurrently updated");
}

/** True when another process holds the write lock of the SQLite file. */
export function isBusy(error: unknown): boolean {
  return codesOf(error).includes("SQLITE_BUSY");
}

/** Our error for a driver's: infrastructure where the work may succeed later, else the error itself – a bug. */
export function translateError(error: unknown, place: string): unknown {
  if (error instanceof PenstockError) return error;
  const codes = codesOf(error);
  if (isBrokenConnection(error, codes)) {
    return new InfrastructureError("DATABASE_UNAVAILABLE", `the connection to the database ${place} broke`, {
      cause: error,
    });
  }
  if (!codes.some(isPassing) && !isOlderThanSchema(error, codes)) return error;
  const code = codes.some((each) => busyCodes.test(each)) ? "DATABASE_BUSY" : "DATABASE_UNAVAILABLE";
  const why = code === "DATABASE_BUSY" ? "could not finish in time" : "does not answer";
  return new InfrastructureError(code, `the database ${place} ${why} (${codes.join(", ")})`, { cause: error });
}

/** pg tells of a connection that broke or could not be had in time by a bare `Error`; all other errors have a code or a class. */
function isBrokenConnection(error: unknown, codes: string[]): boolean {
  return codes.length === 0 && error instanceof Error && Object.getPrototypeOf(error) === Error.prototype;
}

/** A connection that is older than a schema which was restored under it knows a type of ours by the number that it had; a new one does not. */
function isOlderThanSchema(error: unknown, codes: string[]): boolean {
  const reason = reasonOf(error);
  if (codes.includes("XX000")) return reason.includes("cache lookup failed for type");
  return codes.includes("42804") && reason.includes("array element type");
}

function isPassing(code: string): boolean {
  if (code.length === 5 && passingSqlStates.some((pattern) => pattern.test(code))) return true;
  return passingSqlite.test(code) || passingPrisma.has(code) || socketCodes.test(code) || kindsOfPassing.has(code);
}
