/** The event log: the newest entries, in order of arrival. */
import type { Level } from '../protocol/messages';

export interface LogEntry {
  id: number;
  level: Level;
  text: string;
  /** Simulation seconds, where the message has them. */
  timeS: number | null;
  /** Unix milliseconds. */
  atMs: number;
  /** `run`, `gateway` or `page`. */
  source: string;
  /** How often the same was said in a row. */
  times: number;
}

export type LogFilter = 'all' | 'warning' | 'error';

const KEPT = 500;
let nextId = 1;

/** Appends; the same text again, right after itself, only raises the count. */
export function appendLog(
  entries: readonly LogEntry[],
  entry: Omit<LogEntry, 'id' | 'times'>,
): readonly LogEntry[] {
  const last = entries.at(-1);
  if (last?.text === entry.text && last.level === entry.level && last.source === entry.source) {
    const again = { ...last, atMs: entry.atMs, timeS: entry.timeS, times: last.times + 1 };
    return [...entries.slice(0, -1), again];
  }
  return [...entries.slice(1 - KEPT), { ...entry, id: nextId++, times: 1 }];
}

/** Whether an entry is of the level wanted and has the text in it. */
export function matches(entry: LogEntry, filter: LogFilter, text = ''): boolean {
  if (!entry.text.toLowerCase().includes(text.trim().toLowerCase())) return false;
  if (filter === 'all') return true;
  if (filter === 'error') return entry.level === 'error';
  return entry.level === 'warning' || entry.level === 'error';
}
