/** The shaders. Each works in device pixels where sizes have a lower limit, and in metres elsewhere. */
import { TEXELS } from '../drawList';
import { ARROW_PX } from '../lineList';

/** World to clip space: uView = (camera x, camera y, 2 * scale / width, 2 * scale / height). */
const VIEW = `#version 300 es
precision highp float;
precision highp int;
uniform vec4 uView;
uniform float uScale; // device pixels per metre
vec4 project(vec2 world) { return vec4((world - uView.xy) * uView.zw, 0.0, 1.0); }
`;

const RAMP = `
uniform vec3 uRamp[3];
vec3 ramp(float t) {
  t = clamp(t, 0.0, 1.0);
  return t < 0.5 ? mix(uRamp[0], uRamp[1], t * 2.0) : mix(uRamp[1], uRamp[2], t * 2.0 - 1.0);
}
`;

export const ROAD_VERTEX = `${VIEW}
layout(location = 0) in vec2 aCentre;
layout(location = 1) in vec2 aNormal;
layout(location = 2) in float aHalfWidth;
layout(location = 3) in float aLine;
uniform highp sampler2D uEdges;
uniform float uEdgeMax;
uniform vec3 uRoad;
uniform float uRoadTint; // how much of the speed's colour a road takes on
${RAMP}
out float vSide;
flat out float vHalf;
flat out vec3 vColour;
void main() {
  float halfPx = max(aHalfWidth * uScale, 0.75);
  vHalf = halfPx;
  // One pixel more than the road, for the soft edge.
  float outer = halfPx + 1.0;
  vSide = gl_VertexID % 2 == 0 ? outer : -outer;
  int line = int(aLine);
  int width = textureSize(uEdges, 0).x;
  float speed = texelFetch(uEdges, ivec2(line % width, line / width), 0).r;
  vColour = speed < 0.0 ? uRoad : mix(uRoad, ramp(speed / uEdgeMax), uRoadTint);
  gl_Position = project(aCentre + aNormal * (outer / uScale));
}`;

export const ROAD_FRAGMENT = `#version 300 es
precision highp float;
in float vSide;
flat in float vHalf;
flat in vec3 vColour;
out vec4 colour;
void main() { colour = vec4(vColour, clamp(vHalf - abs(vSide) + 0.5, 0.0, 1.0)); }`;

export const AREA_VERTEX = `${VIEW}
layout(location = 0) in vec2 aPoint;
void main() { gl_Position = project(aPoint); }`;

export const FLAT_FRAGMENT = `#version 300 es
precision highp float;
uniform vec3 uColour;
out vec4 colour;
void main() { colour = vec4(uColour, 1.0); }`;

/** Grid lines made of nothing but gl_VertexID: first the upright ones, then the level ones. */
export const GRID_VERTEX = `${VIEW}
uniform vec4 uGrid; // first x, first y, step, number of upright lines
uniform vec4 uBox;  // the visible world: x0, y0, x1, y1
void main() {
  int line = gl_VertexID / 2;
  bool end = gl_VertexID % 2 == 1;
  bool upright = line < int(uGrid.w);
  float along = upright ? uGrid.x + float(line) * uGrid.z
                        : uGrid.y + float(line - int(uGrid.w)) * uGrid.z;
  gl_Position = project(upright ? vec2(along, end ? uBox.w : uBox.y)
                                : vec2(end ? uBox.z : uBox.x, along));
}`;

/**
 * Entities by vertex pulling: six vertices each, no attributes at all. What is drawn is a square in pixels around the pose;
 * the fragment shader cuts the shape out of it. uMode: 0 entities, 1 a ring around one, 2 its velocity.
 */
export const ENTITY_VERTEX = `${VIEW}
uniform highp sampler2D uData;
uniform float uAlpha;
uniform float uRatio;
uniform int uMode;
uniform int uStride; // every n-th entity is drawn
uniform vec3 uPlain;
uniform float uSpeedMax;
uniform vec3 uTypes[8];
uniform vec3 uLights[4];
uniform vec3 uAccent;
${RAMP}
out vec2 vLocal;
flat out vec2 vHalf;
flat out vec4 vColour;
flat out int vShape;
flat out int vPattern;
const vec2 CORNERS[6] = vec2[6](vec2(-1, -1), vec2(1, -1), vec2(-1, 1), vec2(-1, 1), vec2(1, -1), vec2(1, 1));
vec4 texel(int index) {
  int width = textureSize(uData, 0).x;
  return texelFetch(uData, ivec2(index % width, index / width), 0);
}
void main() {
  int base = (gl_VertexID / 6) * uStride * ${TEXELS};
  vec2 corner = CORNERS[gl_VertexID % 6];
  vec4 place = texel(base);
  vec4 motion = texel(base + 1);
  vec4 form = texel(base + 2);
  vec2 centre = mix(place.xy, place.zw, uAlpha);
  float angle = mix(motion.x, motion.y, uAlpha);
  vec2 ahead = vec2(cos(angle), sin(angle));
  int shape = int(form.z);
  // Sizes have a lower limit, which itself shrinks when a whole city is in view: else it would be one blob.
  float near = smoothstep(0.25, 1.2, uScale / uRatio);
  vec2 least = shape == 1 ? mix(vec2(3.0, 1.7), vec2(4.6, 2.5), near)
             : vec2(mix(1.6, 3.0, near));
  vec2 halfPx = max(form.xy * 0.5 * uScale, least * uRatio);
  // Far away a signal head is a hint only; full size would hide the crossing.
  bool light = shape >= 2 && shape <= 5;
  if (light) halfPx = min(halfPx, vec2(11.0 * uRatio));
  vec3 rgb = light ? uLights[shape - 2]
           : motion.w >= 0.0 ? uTypes[int(motion.w) % 8]
           : motion.w < -2.5 ? uPlain
           : motion.w < -1.5 ? uAccent
           : ramp(motion.z / uSpeedMax);
  vPattern = shape == 7 && motion.w > 0.0 ? int(motion.w) % 4 : 0;
  // Half a pixel more than the shape, for its soft edge: what lies beyond is computed for nothing.
  vec2 at = corner * (halfPx + 0.75);
  if (uMode == 1) {
    float ring = max(halfPx.x, halfPx.y) + 7.0 * uRatio;
    halfPx = vec2(ring);
    at = corner * (ring + 1.5);
    shape = 9;
    rgb = uAccent;
  } else if (uMode == 2) {
    // One second of travel ahead of the nose.
    float reach = shape == 1 ? max(motion.z, 0.0) * uScale * 0.5 : 0.0;
    halfPx = vec2(reach, 1.1 * uRatio);
    at = vec2(corner.x * reach + reach, corner.y * (halfPx.y + 1.0));
    shape = 8;
    rgb = mix(rgb, uAccent, 0.35);
  }
  vLocal = at;
  vHalf = halfPx;
  vColour = vec4(rgb, 1.0);
  vShape = shape;
  vec2 offset = ahead * at.x + vec2(-ahead.y, ahead.x) * at.y;
  gl_Position = project(centre + offset / uScale);
}`;

export const ENTITY_FRAGMENT = `#version 300 es
precision highp float;
uniform vec3 uOutline;
uniform float uRatio;
uniform bool uSimple; // flat shapes: the machine cannot keep up with more
in vec2 vLocal;
flat in vec2 vHalf;
flat in vec4 vColour;
flat in int vShape;
flat in int vPattern;
out vec4 colour;
float box(vec2 p, vec2 size, float radius) {
  vec2 d = abs(p) - size + radius;
  return length(max(d, 0.0)) + min(max(d.x, d.y), 0.0) - radius;
}
void main() {
  float inside; // distance to the shape's edge in pixels, positive inside
  vec3 rgb = vColour.rgb;
  float rim = 1.0 * uRatio;
  if (vShape == 1) {
    // A vehicle: a rounded box whose front tapers, so that its direction shows at any size.
    float edge = box(vLocal, vHalf, min(vHalf.y * 0.45, 3.0 * uRatio));
    float taper = abs(vLocal.y) * 0.9 + (vLocal.x - vHalf.x * 0.42) * 0.62 - vHalf.y * 0.78;
    inside = -max(edge, taper);
    // A windscreen, once there is room for one.
    float glass = box(vLocal - vec2(vHalf.x * 0.22, 0.0), vec2(vHalf.x * 0.1, vHalf.y * 0.62), 0.5);
    if (!uSimple && vHalf.y > 4.0) rgb = mix(rgb, uOutline, 0.6 * clamp(0.5 - glass, 0.0, 1.0));
  } else if (vShape == 2) {
    // Go: an arrow head along the lane.
    inside = -max(abs(vLocal.y) + vLocal.x * 0.5 - vHalf.x * 0.55, -vLocal.x - vHalf.x * 0.8);
  } else if (vShape == 3) {
    // Caution: a diamond.
    inside = vHalf.x * 0.95 - (abs(vLocal.x) + abs(vLocal.y));
  } else if (vShape == 4) {
    // Stop: a bar across the lane.
    inside = -box(vLocal, vec2(vHalf.x * 0.38, vHalf.y), 0.5);
  } else if (vShape == 6) {
    inside = -box(vLocal, vHalf, min(vHalf.x * 0.2, 4.0 * uRatio));
  } else if (vShape == 7) {
    inside = -box(vLocal, vHalf, min(vHalf.y * 0.15, 1.5 * uRatio));
    // Types are told apart by lines too, not by their colour alone.
    vec2 unit = vLocal / vHalf;
    vec2 thirds = abs(abs(unit) - 0.333) * vHalf;
    float away = vPattern == 1 ? thirds.y : vPattern == 2 ? thirds.x
               : vPattern == 3 ? abs(abs(unit.x) - abs(unit.y)) * min(vHalf.x, vHalf.y) * 0.7 : 1e3;
    if (!uSimple && vHalf.y > 4.0) rgb = mix(rgb, uOutline, 0.75 * clamp(1.0 * uRatio - away + 0.5, 0.0, 1.0));
  } else if (vShape == 10) {
    inside = -max((abs(vLocal.y) + vLocal.x * 0.555 - vHalf.x * 0.555) * 0.87, -vLocal.x - vHalf.x * 0.8);
  } else if (vShape == 11) {
    inside = -box(vLocal, vHalf * 0.85, 0.5);
  } else if (vShape == 12) {
    inside = (vHalf.x - (abs(vLocal.x) + abs(vLocal.y))) * 0.7;
  } else if (vShape == 8) {
    inside = min(vHalf.y - abs(vLocal.y), 2.0);
    rim = 0.0;
  } else if (vShape == 9) {
    inside = 1.4 * uRatio - abs(length(vLocal) - vHalf.x);
    rim = 0.0;
  } else {
    inside = vHalf.x * (vShape == 5 ? 0.5 : 1.0) - length(vLocal);
  }
  float cover = clamp(inside + 0.5, 0.0, 1.0);
  if (cover <= 0.0) discard;
  // A thin rim in the background's colour keeps neighbours apart.
  if (!uSimple && rim > 0.0 && vHalf.y > 2.0 * rim) rgb = mix(uOutline, rgb, clamp(inside - rim + 1.0, 0.35, 1.0));
  colour = vec4(rgb, cover);
}`;

/**
 * Entities where the machine cannot keep up: a flat triangle each, three vertices and no cutting out. By far the most of what
 * a software renderer spends on an entity is spent in the fragments of its square.
 */
export const SIMPLE_VERTEX = `${VIEW}
uniform highp sampler2D uData;
uniform float uAlpha;
uniform float uRatio;
uniform int uStride;
uniform vec3 uPlain;
uniform float uSpeedMax;
uniform vec3 uTypes[8];
uniform vec3 uAccent;
${RAMP}
flat out vec3 vColour;
const vec2 CORNERS[3] = vec2[3](vec2(1.25, 0.0), vec2(-1.0, 1.15), vec2(-1.0, -1.15));
void main() {
  int base = (gl_VertexID / 3) * uStride * ${TEXELS};
  int width = textureSize(uData, 0).x;
  // Rows hold whole entities: the next texels are in the same row.
  ivec2 at = ivec2(base % width, base / width);
  vec4 place = texelFetch(uData, at, 0);
  vec4 motion = texelFetch(uData, at + ivec2(1, 0), 0);
  vec4 form = texelFetch(uData, at + ivec2(2, 0), 0);
  float angle = mix(motion.x, motion.y, uAlpha);
  vec2 ahead = vec2(cos(angle), sin(angle));
  float near = smoothstep(0.25, 1.2, uScale / uRatio);
  vec2 least = int(form.z) == 1 ? mix(vec2(3.0, 1.7), vec2(4.6, 2.5), near) : vec2(mix(1.6, 3.0, near));
  vec2 corner = CORNERS[gl_VertexID % 3] * max(form.xy * 0.5 * uScale, least * uRatio);
  vColour = motion.w >= 0.0 ? uTypes[int(motion.w) % 8]
          : motion.w < -2.5 ? uPlain
          : motion.w < -1.5 ? uAccent
          : ramp(motion.z / uSpeedMax);
  vec2 offset = ahead * corner.x + vec2(-ahead.y, ahead.x) * corner.y;
  gl_Position = project(mix(place.xy, place.zw, uAlpha) + offset / uScale);
}`;

export const SIMPLE_FRAGMENT = `#version 300 es
precision mediump float;
flat in vec3 vColour;
out vec4 colour;
void main() { colour = vec4(vColour, 1.0); }`;

/**
 * Line lists (see `lineList.ts`) by vertex pulling: nine vertices each, six for the line and three for an arrow's head.
 */
export const LINE_VERTEX = `${VIEW}
uniform highp sampler2D uData;
uniform float uAlpha;
uniform float uRatio;
uniform float uLongest; // the vector that is drawn as long as an arrow gets; 0: lengths are the scene's
uniform float uWidths[3];
uniform vec3 uTypes[8];
uniform vec3 uAccent;
uniform vec3 uPlain;
out vec2 vLocal;
flat out float vHalf;
flat out vec4 vColour;
const vec2 CORNERS[6] = vec2[6](vec2(0, -1), vec2(1, -1), vec2(0, 1), vec2(0, 1), vec2(1, -1), vec2(1, 1));
const vec2 HEAD[3] = vec2[3](vec2(0, 0), vec2(-7, 3.6), vec2(-7, -3.6));
vec4 texel(int index) {
  int width = textureSize(uData, 0).x;
  return texelFetch(uData, ivec2(index % width, index / width), 0);
}
void main() {
  int base = (gl_VertexID / 9) * 2;
  int part = gl_VertexID % 9;
  vec4 place = texel(base);
  vec4 rest = texel(base + 1);
  int kind = int(rest.w);
  vec2 tail = mix(place.xy, place.zw, uAlpha);
  // From the tail to the head in device pixels.
  vec2 way = rest.xy * (uLongest > 0.0 ? ${ARROW_PX.toFixed(1)} * uRatio / uLongest : uScale);
  float length_ = length(way);
  vec2 ahead = length_ > 0.0 ? way / length_ : vec2(1.0, 0.0);
  vec2 side = vec2(-ahead.y, ahead.x);
  vHalf = uWidths[kind] * 0.5 * uRatio;
  vec3 rgb = rest.z >= 0.0 ? uTypes[int(rest.z) % 8] : rest.z < -2.5 ? uPlain : uAccent;
  vColour = vec4(rgb, fract(rest.w) * 2.0);
  vec2 offset;
  if (part < 6) {
    vec2 corner = CORNERS[part];
    vLocal = vec2(corner.x * length_, corner.y * (vHalf + 1.0));
    offset = ahead * vLocal.x + side * vLocal.y;
  } else {
    float size = kind == 0 ? min(uRatio, length_ / 10.0) : 0.0;
    offset = way + (ahead * (HEAD[part - 6].x + 1.5) + side * HEAD[part - 6].y) * size;
    vLocal = vec2(0.0);
  }
  gl_Position = project(tail + offset / uScale);
}`;

export const LINE_FRAGMENT = `#version 300 es
precision highp float;
in vec2 vLocal;
flat in float vHalf;
flat in vec4 vColour;
out vec4 colour;
void main() {
  colour = vec4(vColour.rgb, vColour.a * clamp(vHalf - abs(vLocal.y) + 0.5, 0.0, 1.0));
}`;
