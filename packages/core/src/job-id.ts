import { shortHash } from "./hash.ts";

/*
 * Deterministic ids let a queue drop a job it already has. They save work only: correctness rests on the page
 * transaction. The hash keeps apart what differs – two successors of one page, two answers for one cursor – since a
 * queue that drops the second of them as "known" would lose it.
 */

export function fetchJobId(runId: string, seq: number, cursor: string): string {
  return `F_${runId}_${seq}_${shortHash(cursor)}`;
}

export function transformJobId(runId: string, seq: number, cursor: string, pageHash: string): string {
  return `T_${runId}_${seq}_${shortHash(`${cursor}\n${pageHash}`)}`;
}

export function redriveJobId(letterId: string, redrive: number): string {
  return `R_${letterId}_${redrive}`;
}
