/** What the worker, which has no DOM, sends to the page for the SVG tier. Small by design: the tier is for little. */

export interface SvgPicture {
  width: number;
  height: number;
  background: string;
  outline: string;
  accent: string;
  /** See `displayList.ts`; both in CSS pixels. */
  marks: Float32Array;
  under: Float32Array;
  over: Float32Array;
  ring: readonly [number, number, number] | null;
  /** The grid as a path, empty where there is a map. */
  grid: string;
  gridColour: string;
  /** World to CSS pixels: x' = scale x + left, y' = top - scale y. */
  scale: number;
  left: number;
  top: number;
  /** The map, only with the first picture that shows it; null: none; missing: as before. */
  map?: SvgMap | null;
  /** A colour for each path of the map, when they have changed. */
  mapColours?: readonly string[];
}

export interface SvgMap {
  areas: string;
  areaColour: string;
  /** World units. */
  lines: readonly { d: string; width: number }[];
}
