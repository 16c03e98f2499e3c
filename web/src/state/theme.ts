/**
 * Light, dark, or whatever the system says. The choice is kept; `public/theme.js` applies it before the first paint,
 * and this module does from then on.
 */
import type { ThemeName } from '../engine/bridge';

const KEY = 'lanecast.theme';

export function currentTheme(): ThemeName {
  const chosen = document.documentElement.dataset['theme'];
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
}

export function chooseTheme(theme: ThemeName): void {
  document.documentElement.dataset['theme'] = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Storage may be forbidden; then the choice lasts as long as the page.
  }
}

/** Calls `changed` when the system's preference changes and nobody has chosen otherwise. */
export function onSystemTheme(changed: (theme: ThemeName) => void): () => void {
  const query = matchMedia('(prefers-color-scheme: light)');
  const listener = (): void => changed(currentTheme());
  query.addEventListener('change', listener);
  return () => query.removeEventListener('change', listener);
}
