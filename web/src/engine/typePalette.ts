/** Which number of the palette a type has: given once, and kept for the run, whatever order a dictionary comes in. */
export class TypePalette {
  private readonly numbers = new Map<string, number>();

  /** The numbers of a dictionary's strings. */
  indexes(values: readonly string[]): number[] {
    for (const name of values.toSorted()) {
      if (!this.numbers.has(name)) this.numbers.set(name, this.numbers.size);
    }
    return values.map((name) => this.numbers.get(name) ?? 0);
  }

  get names(): readonly string[] {
    return [...this.numbers.keys()];
  }

  clear(): void {
    this.numbers.clear();
  }
}
