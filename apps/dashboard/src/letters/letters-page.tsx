import { useSearchParams } from "wouter";
import { readLetterFilter } from "./letter-filter.ts";
import { LetterFilterForm } from "./letter-filter-form.tsx";
import { LetterGroups } from "./letter-groups.tsx";
import { LetterList } from "./letter-list.tsx";

/** What could not be processed: in groups of one cause, and one by one. */
export function LettersPage() {
  const [search] = useSearchParams();
  const filter = readLetterFilter(search);
  return (
    <>
      <title>Dead letters · Penstock</title>
      <header className="page-header">
        <div>
          <h1>Dead letters</h1>
          <p className="quiet">
            What could not be processed is kept here, whole and with the reason, until it is put back or discarded.
          </p>
        </div>
      </header>
      <LetterGroups filter={filter} />
      <LetterFilterForm key={`form ${search}`} filter={filter} />
      <LetterList key={`list ${search}`} filter={filter} />
    </>
  );
}
