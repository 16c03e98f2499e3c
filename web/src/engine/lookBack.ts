/**
 * Looking back: which moment of the history is on the screen instead of the newest. The run goes on meanwhile, and so does
 * its history; only this viewer stands still. No I/O.
 */
import type { HistorySummary, LookTo } from './bridge';
import type { FrameChain } from './frameChain';
import { FrameHistory, type Moment } from './frameHistory';
import { Playout } from './playout';

export class LookBack {
  readonly history = new FrameHistory();
  /** What is looked at; null: the newest, live. */
  moment: Moment | null = null;
  /** Nothing moves in a moment. */
  readonly still = new Playout();

  /** Answers whether something else is to be shown now. */
  go(to: LookTo): boolean {
    const { span } = this.history;
    const before = this.moment;
    if (span === null || to === 'live') this.moment = null;
    else {
      const now = before?.seq ?? span.last;
      const seq = to === 'first' ? span.first : 'seq' in to ? to.seq : now + to.by;
      // Stepping beyond the newest frame leads back to the present.
      this.moment = seq >= span.last && this.forward(to) ? null : this.history.at(seq);
    }
    return this.moment !== before;
  }

  summary(chain: FrameChain): HistorySummary | null {
    const { span } = this.history;
    const { moment } = this;
    if (span === null) return null;
    return {
      ...span,
      at: moment?.seq ?? null,
      behindS: moment === null ? 0 : Math.max(0, chain.timeS - moment.timeS),
      live: {
        timeS: chain.timeS,
        metrics: Object.fromEntries(chain.metrics),
        metricsVersion: chain.metricsVersion,
      },
    };
  }

  clear(): void {
    this.history.clear();
    this.moment = null;
  }

  private forward(to: Exclude<LookTo, 'live'>): boolean {
    return to !== 'first' && ('seq' in to || to.by > 0);
  }
}
