/**
 * Lets any number of jobs through together, and a job that is suspected of killing its worker only when no other runs,
 * so that it takes no neighbour down with it. First come, first served: those behind a lone job wait until it is
 * through.
 */
export type Gate = {
  /** Resolves when the job may run; call what it resolves to when the job is over. */
  enter(isAlone: boolean): Promise<() => void>;
};

export function createGate(): Gate {
  const waiting: { isAlone: boolean; admit: () => void }[] = [];
  let running = 0;
  let isClosed = false;

  function admitNext(): void {
    for (let next = waiting[0]; next !== undefined && canRun(next.isAlone); next = waiting[0]) {
      waiting.shift();
      running++;
      isClosed = next.isAlone;
      next.admit();
    }
  }

  const canRun = (isAlone: boolean) => !isClosed && (!isAlone || running === 0);

  function leave(): void {
    running--;
    if (running === 0) isClosed = false;
    admitNext();
  }

  return {
    enter: (isAlone) =>
      new Promise((resolve) => {
        waiting.push({ isAlone, admit: () => resolve(leave) });
        admitNext();
      }),
  };
}
