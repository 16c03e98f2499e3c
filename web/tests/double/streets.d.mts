export interface Row {
  id: number;
  name: string;
  [column: string]: number | string;
}
export class Streets {
  constructor(vehicles: number);
  timeS: number;
  step: number;
  advance(seconds: number): void;
  layers(): Record<string, Row[]>;
  metrics(): Record<string, number>;
  scene(): unknown;
}
