/** A request as it came, and how it was answered. */
export type RecordedRequest = {
  /** From 0 on, in the order of arrival. */
  number: number;
  at: Date;
  method: string;
  /** Path and query. */
  url: string;
  path: string;
  query: Record<string, string>;
  headers: Record<string, string>;
  body: string;
  /** The stream whose page it asked for. */
  stream: string | undefined;
  /** Of the answer; 0 while there is none, and when there never was one. */
  status: number;
  /** Records in the answer. */
  given: number;
  /** The fault that was put into the answer. */
  fault: string | undefined;
  /** `finished` when everything was sent; `closed` when the connection ended before that. */
  outcome: "open" | "finished" | "closed";
};

export type Recorder = {
  begin(request: Pick<RecordedRequest, "method" | "url" | "headers">, at: Date): RecordedRequest;
  readonly requests: readonly RecordedRequest[];
};

export function createRecorder(): Recorder {
  const requests: RecordedRequest[] = [];
  return {
    requests,
    begin: ({ method, url, headers }, at) => {
      const { pathname, searchParams } = new URL(url, "http://loopback");
      const recorded: RecordedRequest = {
        number: requests.length,
        at,
        method,
        url,
        path: pathname,
        query: Object.fromEntries(searchParams),
        headers,
        body: "",
        stream: undefined,
        status: 0,
        given: 0,
        fault: undefined,
        outcome: "open",
      };
      requests.push(recorded);
      return recorded;
    },
  };
}
