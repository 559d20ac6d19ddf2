import type { Point } from "./measure.ts";

/** What one scale is for: a line for each figure, and for each series of points. `lines`: the figures by what they are called. */
export type Panel = { label: string; lines: Record<string, string> };

type Line = { name: string; dots: { at: number; value: number }[] };

const [width, height, gap, inset] = [450, 270, 62, 28];
const [top, bottom] = [70, 44];
const colours = ["#2a78b8", "#c2571a"];
const number = (value: number) => value.toLocaleString("en", { maximumSignificantDigits: 3 });

/** Panels side by side, each with a scale from 0; sizes as powers. */
export function growthChart(
  { title, at, panels }: { title: string; at: string; panels: readonly Panel[] },
  points: readonly Point[],
): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width * panels.length} ${height + 20}" font-family="sans-serif" font-size="12">
  <title>${title}</title>
  <rect width="${width * panels.length}" height="${height + 20}" fill="#ffffff"/>
  <text x="10" y="20" font-size="14">${title}</text>
${panels.map((panel, i) => panelOf(panel, { at, points, left: i * width + gap })).join("\n")}
</svg>
`;
}

function panelOf(panel: Panel, { at, points, left }: { at: string; points: readonly Point[]; left: number }): string {
  const sizes = [...new Set(points.map((point) => point.at))].toSorted((a, b) => a - b);
  const lines = linesOf(panel, points);
  // The value of a dot stands above it.
  const most = roundedUp(1.1 * Math.max(...lines.flatMap(({ dots }) => dots.map(({ value }) => value))));
  const sumOf = ({ dots }: Line) => dots.reduce((sum, { value }) => sum + value, 0);
  const highest = lines.toSorted((a, b) => sumOf(b) - sumOf(a))[0];
  const right = left + width - gap - 30;
  const place = placeOf(sizes);
  const x = (size: number) => (left + inset + place(size) * (right - left - 2 * inset)).toFixed(1);
  const y = (value: number) => (height - bottom - (value / most) * (height - bottom - top)).toFixed(1);
  return [
    `  <text x="${left}" y="${top - 26}" font-weight="bold">${panel.label}</text>`,
    ...[0, 0.25, 0.5, 0.75, 1].map((share) => gridLine(most * share, { left, right, y })),
    ...sizes.map(
      (size) => `  <text x="${x(size)}" y="${height - bottom + 18}" text-anchor="middle">${short(size)}</text>`,
    ),
    `  <text x="${(left + right) / 2}" y="${height - bottom + 38}" text-anchor="middle">${at}</text>`,
    ...lines.map((line, i) =>
      lineOf(line, { x, y, colour: colours[i % colours.length] ?? "", isAbove: line === highest }),
    ),
    ...lines.flatMap(({ name }, i) => (lines.length > 1 ? [legend(name, i, left)] : [])),
  ].join("\n");
}

function linesOf({ lines }: Panel, points: readonly Point[]): Line[] {
  const series = [...new Set(points.map((point) => point.series))];
  return Object.entries(lines).flatMap(([name, figure]) =>
    series.map((each) => ({
      name: [each, name].filter((part) => part !== "").join(", "),
      dots: points
        .filter((point) => point.series === each)
        .flatMap((point) => {
          const value = point.figures[figure];
          return value === undefined ? [] : [{ at: point.at, value }];
        }),
    })),
  );
}

/** From 0 to 1 by the logarithm; 0 stands where a tenth of the next would. */
function placeOf(sizes: readonly number[]): (size: number) => number {
  const least = sizes.find((size) => size > 0) ?? 1;
  const log = (size: number) => Math.log10(size > 0 ? size : least / 10);
  const [from, to] = [log(sizes[0] ?? 1), log(sizes.at(-1) ?? 1)];
  return (size) => (to > from ? (log(size) - from) / (to - from) : 0.5);
}

/** A number whose quarters are short. */
function roundedUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 6, 8].find((digit) => digit * power >= value) ?? 10) * power;
}

function gridLine(
  value: number,
  { left, right, y }: { left: number; right: number; y: (value: number) => string },
): string {
  return `  <line x1="${left}" x2="${right}" y1="${y(value)}" y2="${y(value)}" stroke="#d8d8d8"/>
  <text x="${left - 6}" y="${Number(y(value)) + 4}" text-anchor="end">${number(value)}</text>`;
}

/** Where a text below would be among those of the axis. */
const isNearAxis = (y: string) => Number(y) > height - bottom - 24;

type Scales = { x: (size: number) => string; y: (value: number) => string; colour: string; isAbove: boolean };

function lineOf({ dots }: Line, { x, y, colour, isAbove }: Scales): string {
  const path = dots.map(({ at, value }) => `${x(at)},${y(value)}`).join(" ");
  return [
    `  <polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    ...dots.map(
      ({ at, value }) => `  <circle cx="${x(at)}" cy="${y(value)}" r="3.5" fill="${colour}"/>
  <text x="${x(at)}" y="${Number(y(value)) + (isAbove || isNearAxis(y(value)) ? -8 : 17)}" text-anchor="middle" fill="${colour}">${number(value)}</text>`,
    ),
  ].join("\n");
}

function legend(name: string, i: number, left: number): string {
  const x = left + i * 120;
  return `  <rect x="${x}" y="${top - 12}" width="10" height="3" fill="${colours[i % colours.length]}"/>
  <text x="${x + 14}" y="${top - 7}">${name}</text>`;
}

/** 2,000,000 as 2M: there is little room. */
function short(size: number): string {
  if (size >= 1e6) return `${size / 1e6}M`;
  return size >= 1e4 ? `${size / 1e3}k` : size.toLocaleString("en");
}
