// The bench's time: events in order of their moments, those of one moment in the order in which they were asked for. Time
// passes only in run(); computing costs none.
import type { Clock } from "../host/reader/clock.ts";

interface Event {
  at: number;
  order: number;
  call: () => void;
  isOff: boolean;
}

export class EventClock implements Clock {
  readonly slackMs = 0;
  #now = 0;
  #count = 0;
  /** A heap, the next event first. */
  readonly #events: Event[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, call: () => void): () => void {
    const event = { at: this.#now + Math.max(0, ms), order: this.#count++, call, isOff: false };
    this.#push(event);
    return () => (event.isOff = true);
  }

  sleep(ms: number, onCancel?: (wake: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.after(ms, resolve);
      onCancel?.(() => (cancel(), resolve()));
    });
  }

  /**
   * Lets time pass until something is the case.
   * @param turns of the event loop that promises get before time goes on, 0 when there are none
   * @param limitMs of virtual time
   * @throws Error when the limit is reached, or nothing is going to happen any more
   */
  async run(isDone: () => boolean, turns: number, limitMs: number): Promise<void> {
    const end = this.#now + limitMs;
    for (;;) {
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
      if (isDone()) return;
      const event = this.#pop();
      if (!event) throw new Error("nothing is going to happen any more");
      if (event.isOff) continue;
      if (event.at > end) throw new Error(`not done within ${limitMs} ms`);
      this.#now = event.at;
      event.call();
    }
  }

  #push(event: Event): void {
    const heap = this.#events;
    let at = heap.push(event) - 1;
    for (let up = (at - 1) >> 1; at > 0 && isEarlier(event, heap[up]!); up = (at - 1) >> 1) {
      heap[at] = heap[up]!;
      at = up;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#events;
    const first = heap[0];
    const last = heap.pop();
    if (!last || heap.length === 0) return first;
    let at = 0;
    for (let down = 1; down < heap.length; down = 2 * at + 1) {
      if (down + 1 < heap.length && isEarlier(heap[down + 1]!, heap[down]!)) down++;
      if (!isEarlier(heap[down]!, last)) break;
      heap[at] = heap[down]!;
      at = down;
    }
    heap[at] = last;
    return first;
  }
}

function isEarlier(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
