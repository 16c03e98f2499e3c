/** Stopping cannot be undone, so it is asked twice. */
import { runTitle } from '../state/runState';
import { useDash, useDashboard } from './context';
import { Dialog } from './Dialog';

export function StopDialog({ open, onClose }: { open: boolean; onClose: () => void }) {
  const dashboard = useDashboard();
  const title = useDash((state) => (state.info === null ? 'This run' : runTitle(state.info)));
  return (
    <Dialog open={open} title="Stop the simulation?" onClose={onClose}>
      <p>
        <b>{title}</b> ends for everybody who watches it. It cannot be resumed. The last figures
        stay on the page.
      </p>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={onClose}>
          Keep running
        </button>
        <button
          type="button"
          className="button danger"
          data-testid="stop-confirm"
          onClick={() => {
            dashboard.command('stop');
            onClose();
          }}
        >
          Stop simulation
        </button>
      </div>
    </Dialog>
  );
}
