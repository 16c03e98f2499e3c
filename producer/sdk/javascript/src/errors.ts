/** A mistake in a call: what was asked for is not what the wire allows. `field` is the path of what is wrong. */
export class InvalidMessage extends Error {
  constructor(
    readonly field: string,
    readonly problem: string,
  ) {
    super(`${field}: ${problem}`);
    this.name = "InvalidMessage";
  }
}

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Returns `value` if it may name a run, a producer or a command. */
export function checkId(value: string, field: string): string {
  if (!ID.test(value)) {
    throw new InvalidMessage(
      field,
      `${JSON.stringify(value)} is not 1 to 64 characters of a-z A-Z 0-9 . _ - that start with a letter or digit`,
    );
  }
  return value;
}

/** Returns `value` if it is a finite number. */
export function checkNumber(value: unknown, field: string): number {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new InvalidMessage(field, `expected a finite number, got ${String(value)}`);
  }
  return value;
}

/** Returns `value` if it is an integer that every language can hold. */
export function checkInteger(value: unknown, field: string): number {
  if (!Number.isSafeInteger(value)) throw new InvalidMessage(field, `expected an integer, got ${String(value)}`);
  return value as number;
}

/** Returns `value` if it is text of at most `limit` characters. */
export function checkText(value: unknown, field: string, limit: number): string {
  if (typeof value !== "string" || [...value].length > limit) {
    throw new InvalidMessage(field, `expected text of at most ${limit} characters`);
  }
  return value;
}

export function checkName(name: string, path: string): void {
  if (name.length === 0 || [...name].length > 64) throw new InvalidMessage(path, "a name has 1 to 64 characters");
}
