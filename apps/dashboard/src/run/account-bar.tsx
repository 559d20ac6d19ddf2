import type { Account } from "../client/models.ts";
import { formatCount, formatShare } from "../format/number.ts";

const outcomes = [
  ["inserted", "inserted"],
  ["updated", "updated"],
  ["unchanged", "unchanged"],
  ["duplicate", "duplicate"],
  ["filtered", "filtered"],
  ["deadLettered", "dead-lettered"],
] as const;

/** What became of all that was fetched, as one bar and in figures: they add up. */
export function AccountBar({ account }: { account: Account }) {
  const share = (count: number) => (account.fetched === 0 ? 0 : count / account.fetched);
  return (
    <div className="account">
      <div className="account-bar" aria-hidden="true">
        {outcomes.map(([outcome]) => (
          <span
            key={outcome}
            className={`account-part ${outcome}`}
            style={{ width: `${share(account[outcome]) * 100}%` }}
          />
        ))}
      </div>
      <dl className="account-figures">
        <div>
          <dt>fetched</dt>
          <dd>{formatCount(account.fetched)}</dd>
        </div>
        {outcomes.map(([outcome, word]) => (
          <div key={outcome}>
            <dt>
              <span className={`swatch ${outcome}`} aria-hidden="true" />
              {word}
            </dt>
            <dd>
              {formatCount(account[outcome])} <small className="quiet">{formatShare(share(account[outcome]))}</small>
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
