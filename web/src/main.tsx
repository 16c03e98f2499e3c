/** The page's beginning: makes the engine's worker and the dashboard, and shows it. */
import { createRoot } from 'react-dom/client';
import { Dashboard } from './state/dashboard';
import './styles/tokens.css';
import './styles/base.css';
import './styles/layout.css';
import './styles/topbar.css';
import './styles/panels.css';
import './styles/scene.css';
import './styles/log.css';
import { App } from './ui/App';

const engine = new Worker(new URL('./engine/worker.ts', import.meta.url), {
  type: 'module',
  name: 'lanecast-engine',
});
const dashboard = new Dashboard(engine);
const root = document.querySelector('#root');
if (root !== null) createRoot(root).render(<App dashboard={dashboard} />);
