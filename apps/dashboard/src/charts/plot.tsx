import { useEffect, useRef } from "react";
import uPlot from "uplot";
import { formatInstant, formatTick } from "../format/instant.ts";
import "uplot/dist/uPlot.min.css";

const heightPx = 200;

type Series = { name: string /** Custom property of the colour, `--bad`. */; color: string; kind: "bars" | "points" };
type Props = {
  label: string;
  /** Seconds, then the values of each series. */
  data: [number[], ...number[][]];
  series: Series[];
  format: (value: number) => string;
  /** Where the time ends, in seconds, when that is behind the last point: a bar goes on to the right of its own. */
  end?: number;
};

/** A chart over time. Drawn anew when its data, its width or the colours of the page change. */
export function Plot({ label, data, series, format, end }: Props) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    let plot = draw(element, { data, series, format, end });
    const redraw = () => {
      plot.destroy();
      plot = draw(element, { data, series, format, end });
    };
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: heightPx }));
    observer.observe(element);
    const systemScheme = matchMedia("(prefers-color-scheme: dark)");
    addEventListener("themechange", redraw);
    systemScheme.addEventListener("change", redraw);
    return () => {
      observer.disconnect();
      removeEventListener("themechange", redraw);
      systemScheme.removeEventListener("change", redraw);
      plot.destroy();
    };
  }, [data, series, format, end]);
  return <div className="plot" role="img" aria-label={label} ref={place} />;
}

type Drawn = Omit<Props, "label" | "end"> & { end: number | undefined };

function draw(element: HTMLElement, { data, series, format, end }: Drawn): uPlot {
  const options: uPlot.Options = {
    width: element.clientWidth,
    height: heightPx,
    legend: { show: true },
    cursor: { drag: { x: false, y: false } },
    scales: {
      ...(end !== undefined && { x: { range: (_, min) => [min, end] } }),
      y: { range: (_, __, max) => [0, Math.max(1, max * 1.1)] },
    },
    axes: [
      { ...axis(element), values: timeTicks },
      { ...axis(element), size: 70, values: (_, ticks) => ticks.map(format) },
    ],
    series: [{ label: "Time", value: timeValue }, ...series.map((one) => drawn(element, one, format))],
  };
  return new uPlot(options, data, element);
}

function timeTicks(_: uPlot, ticks: number[], __: number, ___: number, stepSeconds: number): string[] {
  return ticks.map((tick) => formatTick(tick, stepSeconds));
}

function timeValue(_: uPlot, seconds: number | null): string {
  return seconds === null ? "–" : formatInstant(new Date(seconds * 1_000).toISOString());
}

function drawn(element: HTMLElement, { name, color, kind }: Series, format: Props["format"]): uPlot.Series {
  const stroke = colorOf(element, color);
  const value = (_: uPlot, raw: number | null) => (raw === null ? "–" : format(raw));
  if (kind === "points")
    return { label: name, stroke, value, paths: () => null, points: { show: true, size: 7, fill: stroke } };
  const paths = uPlot.paths.bars?.({ size: [0.8, 40], align: 1 });
  return { label: name, stroke, fill: stroke, value, points: { show: false }, ...(paths && { paths }) };
}

function axis(element: HTMLElement): uPlot.Axis {
  const grid = { stroke: colorOf(element, "--line"), width: 1 };
  return { stroke: colorOf(element, "--quiet"), grid, ticks: grid, font: "12px system-ui, sans-serif" };
}

/** A canvas knows no custom properties. */
function colorOf(element: HTMLElement, property: string): string {
  const probe = element.appendChild(document.createElement("i"));
  probe.style.color = `var(${property})`;
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
