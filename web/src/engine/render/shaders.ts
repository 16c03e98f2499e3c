/** The shaders. Each works in device pixels where sizes have a lower limit, and in metres elsewhere. */
import { TEXELS } from '../drawList';

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
uniform float uSpeedMax;
uniform vec3 uTypes[8];
uniform vec3 uLights[4];
uniform vec3 uAccent;
${RAMP}
out vec2 vLocal;
flat out vec2 vHalf;
flat out vec4 vColour;
flat out int vShape;
const vec2 CORNERS[6] = vec2[6](vec2(-1, -1), vec2(1, -1), vec2(-1, 1), vec2(-1, 1), vec2(1, -1), vec2(1, 1));
vec4 texel(int index) {
  int width = textureSize(uData, 0).x;
  return texelFetch(uData, ivec2(index % width, index / width), 0);
}
void main() {
  int base = (gl_VertexID / 6) * ${TEXELS};
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
  if (shape >= 2) halfPx = min(halfPx, vec2(11.0 * uRatio));
  vec3 rgb = shape >= 2 ? uLights[shape - 2]
           : motion.w < 0.0 ? ramp(motion.z / uSpeedMax)
           : uTypes[int(motion.w) % 8];
  vec2 at = corner * (halfPx + 1.5);
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
in vec2 vLocal;
flat in vec2 vHalf;
flat in vec4 vColour;
flat in int vShape;
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
    if (vHalf.y > 4.0) rgb = mix(rgb, uOutline, 0.6 * clamp(0.5 - glass, 0.0, 1.0));
  } else if (vShape == 2) {
    // Go: an arrow head along the lane.
    inside = -max(abs(vLocal.y) + vLocal.x * 0.5 - vHalf.x * 0.55, -vLocal.x - vHalf.x * 0.8);
  } else if (vShape == 3) {
    // Caution: a diamond.
    inside = vHalf.x * 0.95 - (abs(vLocal.x) + abs(vLocal.y));
  } else if (vShape == 4) {
    // Stop: a bar across the lane.
    inside = -box(vLocal, vec2(vHalf.x * 0.38, vHalf.y), 0.5);
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
  if (rim > 0.0 && vHalf.y > 2.0 * rim) rgb = mix(uOutline, rgb, clamp(inside - rim + 1.0, 0.35, 1.0));
  colour = vec4(rgb, cover);
}`;
