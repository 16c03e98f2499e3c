/** Moving from one pose to the next. Angles are in radians and turn the short way. */

export interface Pose {
  x: number;
  y: number;
  angle: number;
}

const TURN = 2 * Math.PI;

/** The angle equal to `to` that is at most half a turn away from `from`. */
export function nearestAngle(from: number, to: number): number {
  return from + shortTurn(to - from);
}

/** A turn brought into -pi..pi. */
export function shortTurn(turn: number): number {
  // Almost every turn is one already, and a float's remainder is slow.
  if (turn <= Math.PI && turn >= -Math.PI) return turn;
  const rest = turn % TURN;
  if (rest > Math.PI) return rest - TURN;
  if (rest < -Math.PI) return rest + TURN;
  return rest;
}

export function mix(from: number, to: number, alpha: number): number {
  return from + (to - from) * alpha;
}

/**
 * Whether a move is a jump (a vehicle that was teleported, an id used again) and is shown at once rather than as a flight
 * across the map: more than four times what its speed explains, with 20 m to spare.
 */
export function isJump(distance: number, speed: number, elapsedS: number): boolean {
  return distance > 20 + 4 * Math.max(speed, 1) * Math.max(elapsedS, 0);
}
