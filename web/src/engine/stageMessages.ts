/** The page's messages that are the stage's business alone. */
import type { ToEngine } from './bridge';
import type { Stage } from './stage';

export function tellStage(stage: Stage, message: ToEngine, nowMs: number): void {
  switch (message.type) {
    case 'resize':
      stage.resize(message.width, message.height, message.ratio);
      return;
    case 'theme':
      stage.setTheme(message.theme);
      return;
    case 'pan':
      stage.pan(message.dx, message.dy);
      return;
    case 'zoom':
      stage.zoom(message, message.factor);
      return;
    case 'fit':
      stage.fit();
      return;
    case 'click':
      stage.click(message, nowMs);
      return;
    case 'select':
      stage.select(message.layer === null ? null : { layer: message.layer, id: message.id });
      return;
    case 'step-selection':
      stage.stepSelection(message.by);
      return;
    case 'follow':
      stage.setFollow(message.on);
      return;
    case 'vectors':
      stage.setVectors(message.on);
      return;
    case 'trails':
      stage.setTrails(message.on);
      return;
    case 'colour':
      stage.setColour(message.by, nowMs);
      return;
    default:
  }
}
