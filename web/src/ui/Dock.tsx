/** The bar at the bottom of narrow screens: opens the side panels, and on a phone holds the controls. */
import { Controls } from './Controls';
import { Icon } from './icons';
import { NARROW, PHONE, useMedia } from './useMedia';

export type Drawer = 'left' | 'right' | null;

export function Dock(props: {
  drawer: Drawer;
  onDrawer: (drawer: Drawer) => void;
  onStop: () => void;
}) {
  const { drawer, onDrawer, onStop } = props;
  const narrow = useMedia(NARROW);
  const phone = useMedia(PHONE);
  if (!narrow) return null;
  return (
    <nav className="dock" aria-label="Panels">
      <button
        type="button"
        className="button"
        aria-expanded={drawer === 'left'}
        aria-controls="left-panel"
        onClick={() => onDrawer('left')}
      >
        <Icon name="sliders" />
        Parameters
      </button>
      {phone && <Controls onStop={onStop} />}
      <button
        type="button"
        className="button"
        aria-expanded={drawer === 'right'}
        aria-controls="right-panel"
        onClick={() => onDrawer('right')}
      >
        <Icon name="chart" />
        Figures
      </button>
    </nav>
  );
}
