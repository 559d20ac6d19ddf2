/** What a request for a page takes besides: a redirect that is followed, a token that is asked for. */
export type RequestStep = {
  name: "redirect" | "token";
  /** Who is asked; the rest of the address may be secret. */
  host: string;
};

/** Does the work of a step, for who wants to tell of it. */
export type InStep = <T>(step: RequestStep, work: () => Promise<T>) => Promise<T>;

export const untold: InStep = (_step, work) => work();
