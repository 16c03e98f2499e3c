export { InvalidMessage } from "./errors.js";
export type { Column, Columns, Layer, Level, Pixels, Row, Scene } from "./payloads.js";
export type { Stats } from "./publisher.js";
export { type Moment, Run, type RunOptions } from "./run.js";
export type { Param, State, Value } from "./steering.js";
