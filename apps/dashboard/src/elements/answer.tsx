import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { problemOf } from "../client/request-error.ts";

/** What was asked for once it is there; before that, that it is coming; and what went wrong. */
export function Answer<T>({ of, children }: { of: UseQueryResult<T>; children: (data: T) => ReactNode }) {
  if (of.data !== undefined) {
    return (
      <>
        {of.isError && <ProblemNote error={of.error} onRetry={() => void of.refetch()} />}
        {children(of.data)}
      </>
    );
  }
  if (of.isError) return <ProblemNote error={of.error} onRetry={() => void of.refetch()} />;
  return <Loading />;
}

export function Loading() {
  return (
    <div className="loading" role="status">
      <span className="visually-hidden">Loading</span>
      <span className="loading-line" />
      <span className="loading-line" />
      <span className="loading-line" />
    </div>
  );
}

/** Nothing to show, and why that is so or what would change it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}

/** What went wrong, with what to do about it. */
export function ProblemNote({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const { title, detail, remedy, code, errors } = problemOf(error);
  return (
    <div className="problem" role="alert">
      <p className="problem-title">
        <span aria-hidden="true">✕ </span>
        {title} <code>{code}</code>
      </p>
      <p>{detail}</p>
      {errors !== undefined && (
        <ul>
          {errors.map(({ path, message }) => (
            <li key={`${path} ${message}`}>
              <code>{path}</code> {message}
            </li>
          ))}
        </ul>
      )}
      <p className="remedy">{remedy}</p>
      {onRetry !== undefined && (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}
