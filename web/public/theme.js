// Applies a chosen theme before the first paint, so that the page does not flash in the other one.
try {
  const theme = localStorage.getItem('lanecast.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; the system's preference stands.
}
