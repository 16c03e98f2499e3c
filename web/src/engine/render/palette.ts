/**
 * The scene's colours per theme, as 0..1 RGB. The page's own tokens are in `styles/tokens.css`; a legend on the page uses
 * the ramp from here, so that it cannot differ from what is drawn.
 */
import type { ThemeName } from '../bridge';

export type Rgb = readonly [number, number, number];

export interface ScenePalette {
  background: Rgb;
  area: Rgb;
  road: Rgb;
  /** How much of its speed's colour a road takes on; the rest is `road`, so that vehicles stand out from it. */
  roadTint: number;
  grid: Rgb;
  outline: Rgb;
  accent: Rgb;
  plain: Rgb;
  go: Rgb;
  caution: Rgb;
  stop: Rgb;
  off: Rgb;
  /** Slow to fast. Red, amber, blue: told apart with the common kinds of colour blindness too. */
  ramp: readonly [Rgb, Rgb, Rgb];
  /** Types; neighbours differ in lightness as well as in hue. */
  types: readonly Rgb[];
}

const DARK: ScenePalette = {
  background: hex('0B0E14'),
  area: hex('222A39'),
  road: hex('2A3344'),
  roadTint: 0.34,
  grid: hex('1A2130'),
  outline: hex('0B0E14'),
  accent: hex('FFFFFF'),
  plain: hex('4CC2FF'),
  go: hex('3DD68C'),
  caution: hex('FFC53D'),
  stop: hex('FF6369'),
  off: hex('6B778C'),
  ramp: [hex('FF5C5C'), hex('FFC24B'), hex('4CC2FF')],
  types: [
    hex('4CC2FF'),
    hex('FFB224'),
    hex('3DD68C'),
    hex('D19DFF'),
    hex('FF8F66'),
    hex('F5E9A8'),
    hex('7CE0D3'),
    hex('FF8DC7'),
  ],
};

const LIGHT: ScenePalette = {
  background: hex('EEF1F6'),
  area: hex('CFD6E1'),
  road: hex('C3CBD8'),
  roadTint: 0.36,
  grid: hex('DCE2EB'),
  outline: hex('FFFFFF'),
  accent: hex('10141C'),
  plain: hex('0B6BB5'),
  go: hex('0E8A52'),
  caution: hex('B87400'),
  stop: hex('CF2233'),
  off: hex('7A8699'),
  ramp: [hex('D1242F'), hex('E08A00'), hex('0B6BB5')],
  types: [
    hex('0B6BB5'),
    hex('B86A00'),
    hex('0E7A4A'),
    hex('7A3FC2'),
    hex('C2410C'),
    hex('6B5D00'),
    hex('0F766E'),
    hex('B4237A'),
  ],
};

export const PALETTES: Readonly<Record<ThemeName, ScenePalette>> = { dark: DARK, light: LIGHT };

/** The speed ramp as a CSS gradient from left to right. */
export function rampGradient(theme: ThemeName): string {
  return `linear-gradient(90deg, ${PALETTES[theme].ramp.map(css).join(', ')})`;
}

export function css(rgb: Rgb): string {
  return `rgb(${rgb.map((part) => Math.round(part * 255)).join(' ')})`;
}

/** The colour of a colour number (see `COLOUR`); `speedShare` is the speed's share of the scale's end. */
export function colourOf(palette: ScenePalette, number: number, speedShare: number): Rgb {
  if (number >= 0) return palette.types[number % palette.types.length] ?? palette.plain;
  if (number === -2) return palette.accent;
  if (number === -3) return palette.plain;
  const [slow, middle, fast] = palette.ramp;
  const t = Math.min(Math.max(speedShare, 0), 1) * 2;
  return t < 1 ? blend(slow, middle, t) : blend(middle, fast, t - 1);
}

export function blend(a: Rgb, b: Rgb, share: number): Rgb {
  return [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share];
}

/** As one integer, 0xRRGGBB. */
export function packed(rgb: Rgb): number {
  const [r, g, b] = rgb.map((part) => Math.round(part * 255)) as [number, number, number];
  return r * 65536 + g * 256 + b;
}

function hex(text: string): Rgb {
  const value = Number.parseInt(text, 16);
  return [(value >> 16) / 255, ((value >> 8) & 255) / 255, (value & 255) / 255];
}
