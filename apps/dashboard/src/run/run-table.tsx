import { Link } from "wouter";
import type { Run } from "../client/models.ts";
import { Instant } from "../elements/moment.tsx";
import { Scrolling } from "../elements/panel.tsx";
import { RunBadge } from "../elements/status.tsx";
import { formatDuration } from "../format/duration.ts";
import { formatCount } from "../format/number.ts";

/** Runs with what became of their records, newest first. */
export function RunTable({ runs }: { runs: Run[] }) {
  return (
    <Scrolling label="Runs">
      <table>
        <thead>
          <tr>
            <th scope="col">Started</th>
            <th scope="col">Status</th>
            <th scope="col">Mode</th>
            <th scope="col" className="number">
              Took
            </th>
            <th scope="col" className="number">
              Pages
            </th>
            <th scope="col" className="number">
              Fetched
            </th>
            <th scope="col" className="number">
              Inserted
            </th>
            <th scope="col" className="number">
              Updated
            </th>
            <th scope="col" className="number">
              Unchanged
            </th>
            <th scope="col" className="number">
              Dead letters
            </th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <RunRow key={run.id} run={run} />
          ))}
        </tbody>
      </table>
    </Scrolling>
  );
}

function RunRow({
  run: { id, startedAt, status, mode, partition, durationMs, pages, account, errorCode },
}: {
  run: Run;
}) {
  const counts = [pages, account.fetched, account.inserted, account.updated, account.unchanged, account.deadLettered];
  return (
    <tr>
      <td>
        <Link href={`/runs/${id}`}>
          <Instant at={startedAt} />
        </Link>
      </td>
      <td>
        <RunBadge status={status} /> {errorCode !== null && <code>{errorCode}</code>}
      </td>
      <td>
        {mode} {partition !== "live" && <small className="quiet">{partition}</small>}
      </td>
      <td className="number">{formatDuration(durationMs)}</td>
      {counts.map((count, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: a column is its place
        <td key={index} className={count === 0 ? "number quiet" : "number"}>
          {formatCount(count)}
        </td>
      ))}
    </tr>
  );
}
