import type { ReactNode } from "react";

/** An input with its name, and a word about what belongs into it. */
export function Field({ name, hint, children }: { name: string; hint?: string; children: ReactNode }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is among the children
    <label className="field">
      <span className="field-name">{name}</span>
      {children}
      {hint !== undefined && <span className="field-hint">{hint}</span>}
    </label>
  );
}
