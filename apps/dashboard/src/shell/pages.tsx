import { lazy, Suspense, useEffect, useRef } from "react";
import { Route, Switch, useLocation } from "wouter";
import { Empty, Loading } from "../elements/answer.tsx";
import { OverviewPage } from "../overview/overview-page.tsx";
import { PageBoundary } from "./page-boundary.tsx";

const StreamPage = lazy(async () => ({ default: (await import("../stream/stream-page.tsx")).StreamPage }));
const RunPage = lazy(async () => ({ default: (await import("../run/run-page.tsx")).RunPage }));
const LettersPage = lazy(async () => ({ default: (await import("../letters/letters-page.tsx")).LettersPage }));
const LetterPage = lazy(async () => ({ default: (await import("../letters/letter-page.tsx")).LetterPage }));
const BackfillsPage = lazy(async () => ({ default: (await import("../backfills/backfills-page.tsx")).BackfillsPage }));
const QueuesPage = lazy(async () => ({ default: (await import("../queues/queues-page.tsx")).QueuesPage }));
const AuditPage = lazy(async () => ({ default: (await import("../audit/audit-page.tsx")).AuditPage }));

/** The page that the address names. All but the first are loaded when they are asked for. */
export function Pages() {
  const [location] = useLocation();
  const main = useFocusOnChange(location);
  return (
    <main id="main" tabIndex={-1} ref={main}>
      <PageBoundary key={location}>
        <Suspense fallback={<Loading />}>
          <Switch>
            <Route path="/" component={OverviewPage} />
            <Route path="/streams/:source/:stream">{(names) => <StreamPage {...names} />}</Route>
            <Route path="/runs/:run">{({ run }) => <RunPage run={run} />}</Route>
            <Route path="/dead-letters" component={LettersPage} />
            <Route path="/dead-letters/:letter">{({ letter }) => <LetterPage letter={letter} />}</Route>
            <Route path="/backfills" component={BackfillsPage} />
            <Route path="/depths" component={QueuesPage} />
            <Route path="/audit" component={AuditPage} />
            <Route>
              <h1>Nothing here</h1>
              <Empty title="There is no page at this address.">The overview links to everything there is.</Empty>
            </Route>
          </Switch>
        </Suspense>
      </PageBoundary>
    </main>
  );
}

/** As after loading a page, reading goes on at the top; the first page keeps what the browser did. */
function useFocusOnChange(location: string) {
  const main = useRef<HTMLElement>(null);
  const before = useRef(location);
  useEffect(() => {
    if (before.current === location) return;
    before.current = location;
    scrollTo(0, 0);
    main.current?.focus({ preventScroll: true });
  }, [location]);
  return main;
}
