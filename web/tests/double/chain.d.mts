import type { WireDeltaLayer, WireKeyLayer } from '../../src/protocol/messages';
import type { Row } from './streets.mjs';

export class Chain {
  delta(layers: Record<string, Row[]>): Record<string, WireDeltaLayer>;
  key(): Record<string, WireKeyLayer>;
}
