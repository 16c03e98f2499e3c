/** What a person typed, as a value of a parameter; or why it is not one. */
import type { Param, ParamValue } from '../protocol/messages';

export type Parsed = { ok: true; value: ParamValue } | { ok: false; error: string };

export function parseParam(param: Param, text: string): Parsed {
  if (param.type === 'choice') {
    const known = param.choices?.includes(text) ?? true;
    return known ? { ok: true, value: text } : bad(`Choose one of ${param.choices?.join(', ')}.`);
  }
  if (param.type === 'bool') return { ok: true, value: text === 'true' };
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) return bad('Enter a number.');
  if (param.type === 'int' && !Number.isInteger(value)) return bad('Enter a whole number.');
  if (param.min != null && value < param.min) return bad(`At least ${withUnit(param, param.min)}.`);
  if (param.max != null && value > param.max) return bad(`At most ${withUnit(param, param.max)}.`);
  return { ok: true, value };
}

function withUnit(param: Param, value: number): string {
  return param.unit == null ? `${value}` : `${value} ${param.unit}`;
}

function bad(error: string): Parsed {
  return { ok: false, error };
}
