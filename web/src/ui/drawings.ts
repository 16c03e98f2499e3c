/** The ways to draw a scene, as the page offers them. */
export const DRAWINGS = [
  ['auto', 'Automatic'],
  ['svg', 'SVG'],
  ['canvas', 'Canvas 2D'],
  ['webgl', 'WebGL2'],
] as const;
