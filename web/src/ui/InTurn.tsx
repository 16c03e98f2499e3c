/**
 * The parts of a panel, mounted one at a time in idle moments: all at once would hold the page for longer than a frame.
 *
 * Until there is something to show a skeleton stands for the whole panel. Parts come from the top down and are never in the
 * way of one that is there already, so nothing jumps.
 */
import { Children, useEffect, useState, type ReactNode } from 'react';
import { inTurn } from './chartQueue';
import { useDash } from './context';

/** A run that is known and sends no frame gets its panels all the same. */
const PATIENCE_MS = 700;

export function InTurn({ skeleton, children }: { skeleton: ReactNode; children: ReactNode }) {
  const parts = Children.toArray(children);
  const ready = useReady();
  const [mounted, setMounted] = useState(0);
  useEffect(() => {
    if (!ready || mounted >= parts.length) return undefined;
    let gone = false;
    void inTurn().then(() => {
      if (!gone) setMounted((count) => count + 1);
    });
    return () => {
      gone = true;
    };
  }, [ready, mounted, parts.length]);
  return mounted === 0 ? skeleton : parts.slice(0, mounted);
}

/** Whether there is a run with something to say about it; once it was so, it stays so. */
function useReady(): boolean {
  const hasFrame = useDash((state) => state.summary?.hasFrame ?? false);
  const known = useDash((state) => state.info !== null);
  const [ready, setReady] = useState(false);
  useEffect(() => {
    if (ready || (!hasFrame && !known)) return undefined;
    const timer = setTimeout(() => setReady(true), hasFrame ? 0 : PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [ready, hasFrame, known]);
  return ready;
}
