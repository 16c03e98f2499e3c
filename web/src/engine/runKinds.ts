/** How the scene of each kind of run begins: what its viewers look for first. They change it as they like. */
import type { Stage } from './stage';

/** The layer that a driving run is about. */
export const EGO = 'ego';

export function stageFor(kind: string, stage: Stage): void {
  // What pushes and pulls components is what an optimizer's run is about.
  stage.setVectors(kind === 'optimizer');
  stage.followFirst = kind === 'driving' ? EGO : null;
}
