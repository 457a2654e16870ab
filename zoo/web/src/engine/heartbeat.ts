/**
 * Signs of life of a worker, also while it computes.
 *
 * HDF5 reads a damaged file for ever; the page ends a worker that is silent for too long.
 */
const MIN_INTERVAL_MS = 1000;

class Heartbeat {
  #listener: () => void = () => {};
  #last = 0;

  /** Call a function at most once a second while there are signs of life. */
  listen(listener: () => void): void {
    this.#listener = listener;
  }

  /** Give a sign of life. */
  beat(): void {
    const now = performance.now();
    if (now - this.#last < MIN_INTERVAL_MS) return;
    this.#last = now;
    this.#listener();
  }
}

export const heartbeat = new Heartbeat();
