import { Link, useLocation } from "wouter";
import { type LiveState, useLiveState } from "../client/live-state.ts";
import type { Session } from "../client/models.ts";
import { useMay } from "../client/session.ts";
import { useAction, useOperation } from "../client/use-operation.ts";
import { formatCompact, formatCount } from "../format/number.ts";
import { Logo } from "./logo.tsx";
import { ThemeSwitch } from "./theme-switch.tsx";

export function TopBar({ session }: { session: Session }) {
  return (
    <header className="top-bar">
      <Link href="/" className="home" aria-label="Penstock, overview">
        <Logo />
      </Link>
      <Navigation />
      <div className="top-bar-end">
        <LiveSign />
        <ThemeSwitch />
        <Caller session={session} />
      </div>
    </header>
  );
}

function Navigation() {
  const mayAudit = useMay("admin");
  const letters =
    useOperation("listStreams", {}).data?.items.reduce((sum, { openLetters }) => sum + openLetters, 0) ?? 0;
  return (
    <nav className="navigation" aria-label="Pages">
      <Place href="/">Overview</Place>
      <Place href="/dead-letters">
        Dead letters
        {letters > 0 && (
          <span className="bubble" title={`${formatCount(letters)} open`}>
            {formatCompact(letters)}
          </span>
        )}
      </Place>
      <Place href="/backfills">Backfills</Place>
      <Place href="/depths">Queues</Place>
      {mayAudit && <Place href="/audit">Audit</Place>}
      <a href="/docs">API</a>
    </nav>
  );
}

function Place({ href, children }: { href: string; children: React.ReactNode }) {
  const [location] = useLocation();
  const isHere = href === "/" ? location === "/" : location.startsWith(href);
  return (
    <Link href={href} aria-current={isHere ? "page" : undefined}>
      {children}
    </Link>
  );
}

const liveWords: Record<LiveState, [tone: string, word: string, explanation: string]> = {
  connecting: ["", "Connecting", "The page is about to follow what happens."],
  live: ["follows", "Live", "The page shows what happens as it happens."],
  polling: ["asks", "Every 5 s", "Events do not come through: the page asks every five seconds."],
};

function LiveSign() {
  const state = useLiveState();
  const [tone, word, explanation] = liveWords[state];
  return (
    <span className={`live ${tone}`} title={explanation} role="status">
      <span className="live-dot" aria-hidden="true" />
      {word}
    </span>
  );
}

function Caller({ session: { caller } }: { session: Session }) {
  const logout = useAction("logout");
  if (caller === null) return null;
  if (caller.kind === "open") {
    return (
      <span
        className="caller"
        title="Only this machine can reach the page, and there are no keys: nobody has to sign in."
      >
        open on this machine
      </span>
    );
  }
  return (
    <span className="caller">
      <span title={`May ${caller.scope}`}>
        {caller.name} <small>{caller.scope}</small>
      </span>
      <button type="button" onClick={() => logout.mutate({})} disabled={logout.isPending}>
        Sign out
      </button>
    </span>
  );
}
