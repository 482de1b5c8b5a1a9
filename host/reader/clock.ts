// Time as the reader sees it: the machine's, or a virtual one on which tests and benches are exact and do not wait.

export interface Clock {
  /** Milliseconds, monotonic, with fractions. */
  now(): number;
  /** Resolves after `ms`, or as soon as `wake` is called. */
  sleep(ms: number, onCancel?: (wake: () => void) => void): Promise<void>;
  /** How late sleep() may be, ms: what a line may catch up. */
  readonly slackMs: number;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  sleep: (ms, onCancel) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      onCancel?.(() => (clearTimeout(timer), resolve()));
    }),
  slackMs: 10,
};

interface Sleeper {
  at: number;
  resolve: () => void;
}

/** A clock that jumps to the next sleeper's moment as soon as everybody sleeps. */
export class VirtualClock implements Clock {
  readonly slackMs = 0;
  #now = 0;
  #sleepers: Sleeper[] = [];
  #pumping = false;

  now(): number {
    return this.#now;
  }

  sleep(ms: number, onCancel?: (wake: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const sleeper = { at: this.#now + Math.max(0, ms), resolve };
      this.#sleepers.push(sleeper);
      onCancel?.(() => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        resolve();
      });
      this.#pump();
    });
  }

  /** All that runs gets its turn before time goes on. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      const next = this.#sleepers.reduce<Sleeper | undefined>(
        (a, b) => (a && a.at <= b.at ? a : b),
        undefined,
      );
      if (!next) return;
      this.#now = Math.max(this.#now, next.at);
      this.#sleepers = this.#sleepers.filter((other) => other !== next);
      next.resolve();
      if (this.#sleepers.length > 0) this.#pump();
    });
  }
}
