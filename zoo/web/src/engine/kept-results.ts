/** Results of long work by name, each worked out once; failures are forgotten, so that they can be tried again. */
export class KeptResults<T> {
  readonly #kept = new Map<string, Promise<T>>();

  of(name: string, make: () => Promise<T>): Promise<T> {
    const kept = this.#kept.get(name);
    if (kept) return kept;
    const made = make();
    this.#kept.set(name, made);
    made.catch(() => this.#kept.delete(name));
    return made;
  }
}
