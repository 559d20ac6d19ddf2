import type { Throughput } from "../client/models.ts";
import { formatCount } from "../format/number.ts";

const height = 28;
const barWidth = 5;

/** Bars of what was written per interval, oldest first; dead letters stand below them in the colour of failing. */
export function Sparkline({ throughput: { points } }: { throughput: Throughput }) {
  const written = points.reduce((sum, point) => sum + point.written, 0);
  const letters = points.reduce((sum, point) => sum + point.deadLettered, 0);
  const highest = Math.max(1, ...points.map((point) => point.written + point.deadLettered));
  const scale = (count: number) => (count === 0 ? 0 : Math.max(2, (count / highest) * (height - 2)));
  const text = `${formatCount(written)} records written, ${formatCount(letters)} dead letters`;
  const width = Math.max(1, points.length) * barWidth;
  return (
    <svg
      className="sparkline"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={text}
    >
      <title>{text}</title>
      <line x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} className="sparkline-ground" />
      {points.map(({ at, written: count, deadLettered }, index) => {
        const below = scale(deadLettered);
        return (
          <g key={at} transform={`translate(${index * barWidth} 0)`}>
            <rect
              y={height - below - scale(count)}
              height={scale(count)}
              width={barWidth - 1}
              className="sparkline-written"
            />
            <rect y={height - below} height={below} width={barWidth - 1} className="sparkline-letters" />
          </g>
        );
      })}
    </svg>
  );
}
