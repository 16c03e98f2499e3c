/** The page's beginning: makes the page's workspace, whose engines are workers, and shows it. */
import { createRoot } from 'react-dom/client';
import { Workspace } from './state/workspace';
import './styles/tokens.css';
import './styles/base.css';
import './styles/layout.css';
import './styles/topbar.css';
import './styles/panels.css';
import './styles/scene.css';
import './styles/log.css';
import './styles/scrubber.css';
import './styles/table.css';
import './styles/palette.css';
import { App } from './ui/App';

const workspace = new Workspace(
  () =>
    new Worker(new URL('./engine/worker.ts', import.meta.url), {
      type: 'module',
      name: 'lanecast-engine',
    }),
);
workspace.start();
const root = document.querySelector('#root');
if (root !== null) createRoot(root).render(<App workspace={workspace} />);
