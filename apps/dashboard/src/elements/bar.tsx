export type BarTone = "good" | "warn" | "bad" | "busy";

/** How much of something: a bar with its words for who cannot see it. */
export function Bar({ share, tone, label }: { share: number; tone: BarTone; label: string }) {
  const percent = Math.round(Math.min(1, Math.max(0, share)) * 100);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a meter cannot be given a look that all browsers share
    <span className="bar" role="meter" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={percent}>
      <span className={`bar-fill ${tone}`} style={{ width: `${percent}%` }} />
    </span>
  );
}
