/** Goes through a list by its cursors: one for each page that was gone past. */
export function Pager({
  cursors,
  next,
  onChange,
}: {
  cursors: string[];
  next: string | null;
  onChange: (cursors: string[]) => void;
}) {
  if (cursors.length === 0 && next === null) return null;
  return (
    <div className="actions pager">
      <button type="button" disabled={cursors.length === 0} onClick={() => onChange(cursors.slice(0, -1))}>
        ← Previous
      </button>
      <span className="quiet">Page {cursors.length + 1}</span>
      <button type="button" disabled={next === null} onClick={() => next !== null && onChange([...cursors, next])}>
        Next →
      </button>
    </div>
  );
}
