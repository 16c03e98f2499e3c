/** Follows a media query. */
import { useSyncExternalStore } from 'react';

export function useMedia(query: string): boolean {
  return useSyncExternalStore(
    (changed) => {
      const list = matchMedia(query);
      list.addEventListener('change', changed);
      return () => list.removeEventListener('change', changed);
    },
    () => matchMedia(query).matches,
  );
}

/** Below this the side panels are drawers; `styles/layout.css` uses the same width. */
export const NARROW = '(max-width: 1023px)';
/** Below this the controls move to the bottom, where a thumb reaches them. */
export const PHONE = '(max-width: 639px)';
