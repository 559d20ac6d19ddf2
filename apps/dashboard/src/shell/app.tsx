import { useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import { followEvents } from "../client/follow-events.ts";
import type { Session } from "../client/models.ts";
import { SessionContext } from "../client/session.ts";
import { useOperation } from "../client/use-operation.ts";
import { Answer } from "../elements/answer.tsx";
import { Login } from "./login.tsx";
import { Pages } from "./pages.tsx";
import { TopBar } from "./top-bar.tsx";

/** A session is looked after often enough that a page left open does not pretend. */
const sessionIntervalMs = 30_000;

export function App() {
  const session = useOperation("getSession", {}, { intervalMs: sessionIntervalMs });
  if (session.data === undefined) {
    return (
      <main className="alone">
        <Answer of={session}>{() => null}</Answer>
      </main>
    );
  }
  if (session.data.caller === null) return <Login />;
  return <SignedIn session={session.data} key={session.data.caller.name} />;
}

function SignedIn({ session }: { session: Session }) {
  const client = useQueryClient();
  useEffect(() => followEvents(client), [client]);
  return (
    <SessionContext value={session}>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <TopBar session={session} />
      <Pages />
    </SessionContext>
  );
}
