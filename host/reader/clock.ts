// Time as the reader sees it: the machine's, or a virtual one on which tests and benches are exact and do not wait.

export interface Clock {
  /** Milliseconds, monotonic, with fractions. */
  now(): number;
  /** Calls back after `ms`. @returns what cancels it */
  after(ms: number, call: () => void): () => void;
  /** Resolves after `ms`, or as soon as `wake` is called. */
  sleep(ms: number, onCancel?: (wake: () => void) => void): Promise<void>;
  /** How late sleep() may be, ms: what a line may catch up. */
  readonly slackMs: number;
}

/** A longer timeout would be over at once. */
const MAX_TIMEOUT_MS = 0x7fffffff;

export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, Math.min(ms, MAX_TIMEOUT_MS));
    return () => clearTimeout(timer);
  },
  sleep: (ms, onCancel) =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      onCancel?.(() => (clearTimeout(timer), resolve()));
    }),
  slackMs: 10,
};

interface Alarm {
  at: number;
  ring: () => void;
  isSleeper: boolean;
}

/**
 * A clock that jumps to the next moment for which somebody waits, once everybody has had a turn. It goes on only while
 * somebody sleeps: whoever called after() may be at work meanwhile.
 */
export class VirtualClock implements Clock {
  readonly slackMs = 0;
  #now = 0;
  #alarms: Alarm[] = [];
  #pumping = false;
  #turnsLeft = 0;

  /** @param turns of the event loop before time goes on: several, when there are sockets whose data are on their way */
  constructor(readonly turns = 1) {}

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): () => void {
    return this.#set(ms, call, false);
  }

  sleep(ms: number, onCancel?: (wake: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#set(ms, resolve, true);
      onCancel?.(() => (cancel(), resolve()));
      this.#turnsLeft = this.turns;
      this.#pump();
    });
  }

  #set(ms: number, ring: () => void, isSleeper: boolean): () => void {
    const alarm = { at: this.#now + Math.max(0, ms), ring, isSleeper };
    this.#alarms.push(alarm);
    return () => (this.#alarms = this.#alarms.filter((other) => other !== alarm));
  }

  /** All that runs gets its turns before time goes on. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      if (!this.#alarms.some(({ isSleeper }) => isSleeper)) return;
      if (--this.#turnsLeft <= 0) this.#goOn();
      this.#pump();
    });
  }

  #goOn(): void {
    const next = this.#alarms.reduce((a, b) => (a.at <= b.at ? a : b));
    this.#alarms = this.#alarms.filter((other) => other !== next);
    this.#now = Math.max(this.#now, next.at);
    this.#turnsLeft = this.turns;
    next.ring();
  }
}
