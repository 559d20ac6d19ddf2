import { Link } from "wouter";
import type { Letter } from "../client/models.ts";
import { Moment } from "../elements/moment.tsx";
import { Scrolling } from "../elements/panel.tsx";

type Props = {
  letters: Letter[];
  /** Ids; `null` where none can be marked. */
  marked: ReadonlySet<string> | null;
  onMark: (ids: ReadonlySet<string>) => void;
};

export function LetterTable({ letters, marked, onMark }: Props) {
  const areAllMarked = marked !== null && letters.every(({ id }) => marked.has(id));
  const markAll = () => onMark(new Set(areAllMarked ? [] : letters.map(({ id }) => id)));
  return (
    <Scrolling label="Dead letters">
      <table>
        <thead>
          <tr>
            {marked !== null && (
              <th scope="col">
                <input type="checkbox" aria-label="Mark all of this page" checked={areAllMarked} onChange={markAll} />
              </th>
            )}
            <th scope="col">Letter</th>
            <th scope="col">Stream</th>
            <th scope="col">Why</th>
            <th scope="col" className="number">
              Met
            </th>
            <th scope="col">Last</th>
          </tr>
        </thead>
        <tbody>
          {letters.map((letter) => (
            <LetterRow key={letter.id} letter={letter} marked={marked} onMark={onMark} />
          ))}
        </tbody>
      </table>
    </Scrolling>
  );
}

function LetterRow({ letter, marked, onMark }: { letter: Letter } & Omit<Props, "letters">) {
  const { id, kind, key, source, stream, code, path, message, attempts, lastSeenAt, status } = letter;
  const name = key ?? `a ${kind} without key`;
  const toggle = () => onMark(new Set(marked).symmetricDifference(new Set([id])));
  return (
    <tr>
      {marked !== null && (
        <td>
          <input type="checkbox" aria-label={`Mark ${name}`} checked={marked.has(id)} onChange={toggle} />
        </td>
      )}
      <td className="break">
        <Link href={`/dead-letters/${id}`}>{name}</Link>
        {status !== "open" && <small className="quiet"> {status}</small>}
      </td>
      <td>
        {source}.{stream}
      </td>
      <td className="why">
        <code>{code}</code>
        {path !== null && <code className="path"> {path}</code>}
        <span className="quiet break">{message}</span>
      </td>
      <td className="number">{attempts}×</td>
      <td>
        <Moment at={lastSeenAt} />
      </td>
    </tr>
  );
}
