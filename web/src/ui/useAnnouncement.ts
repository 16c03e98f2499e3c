/** What a screen reader is told: the newest warning or error, at most one every few seconds. */
import { useEffect, useRef, useState } from 'react';
import type { LogEntry } from '../state/eventLog';

const EVERY_MS = 3000;

export function useAnnouncement(log: readonly LogEntry[]): string {
  const [text, setText] = useState('');
  const saidAtMs = useRef(-Infinity);
  const newest = log.findLast((entry) => entry.level !== 'info');
  const words = newest === undefined ? '' : `${newest.level}: ${newest.text}`;
  useEffect(() => {
    if (words === '') return;
    const waitMs = Math.max(0, saidAtMs.current + EVERY_MS - performance.now());
    const timer = setTimeout(() => {
      saidAtMs.current = performance.now();
      setText(words);
    }, waitMs);
    return () => clearTimeout(timer);
  }, [words]);
  return text;
}
