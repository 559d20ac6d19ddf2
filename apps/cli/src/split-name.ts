/** `usgs.earthquakes` in its two parts. What is one dot too many belongs to the stream's name, so that no stream has it. */
export function splitName(text: string): [source: string, stream: string | undefined] {
  const dot = text.indexOf(".");
  return dot === -1 ? [text, undefined] : [text.slice(0, dot), text.slice(dot + 1)];
}
