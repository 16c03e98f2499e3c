/** Figures as text. All of them keep their width steady enough for tabular digits. */

const NONE = '–';

/** Simulation time: 75.3 -> "1:15.3", 3700 -> "1:01:40.0". */
export function formatSimTime(seconds: number): string {
  const tenths = Math.floor(Math.max(0, seconds) * 10 + 1e-6);
  const hours = Math.floor(tenths / 36_000);
  const minutes = Math.floor(tenths / 600) % 60;
  const rest = `${pad(Math.floor(tenths / 10) % 60)}.${tenths % 10}`;
  return hours > 0 ? `${hours}:${pad(minutes)}:${rest}` : `${minutes}:${rest}`;
}

function pad(value: number): string {
  return value < 10 ? `0${value}` : `${value}`;
}

/** A measured value: whole numbers as they are, others with fewer decimals the larger they are. */
export function formatValue(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  if (size >= 1000) return formatCount(value);
  if (Number.isInteger(value)) return `${value}`;
  const digits = size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toFixed(digits);
}

/** Frames per second: whole from ten up. */
export function formatRate(perS: number): string {
  return perS >= 9.95 || perS < 0.05 ? `${Math.round(perS)}` : perS.toFixed(1);
}

export function formatCount(value: number): string {
  return Math.round(value).toLocaleString('en-GB');
}

/** A latency or age: "4 ms", "640 ms", "2.4 s", "3 min". */
export function formatMs(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return NONE;
  if (ms < 0.1) return `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  return `${Math.floor(ms / 3_600_000)} h`;
}

export function formatBytesPerS(bytes: number): string {
  if (bytes < 1_000_000) return `${Math.round(bytes / 1000)} KB/s`;
  return `${(bytes / 1_000_000).toFixed(1)} MB/s`;
}

/** The time of day of an event. */
export function formatClock(atMs: number): string {
  const at = new Date(atMs);
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

/** `mean_speed` -> "Mean speed". */
export function humanise(name: string): string {
  const words = name.replace(/[_.-]+/g, ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** A round length for the scale bar: at most `maxPx` wide at this scale (pixels per metre). */
export function scaleBar(scale: number, maxPx: number): { label: string; px: number } {
  const power = 10 ** Math.floor(Math.log10(maxPx / scale));
  const step = [5, 2, 1].find((candidate) => candidate * power * scale <= maxPx) ?? 1;
  const metres = step * power;
  const label =
    metres >= 1000
      ? `${metres / 1000} km`
      : metres >= 1
        ? `${metres} m`
        : `${Number((metres * 100).toPrecision(2))} cm`;
  return { label, px: metres * scale };
}

/** How far something lies back: "−12.4 s". */
export function formatBehind(seconds: number): string {
  return `−${seconds.toFixed(1)} s`;
}
