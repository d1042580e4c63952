import './styles/base.css';
import './styles/parts.css';
import './styles/views.css';
import { render } from 'preact';
import { App } from './app.tsx';
import { startLooking } from './lib/live.ts';

const root = document.getElementById('app');
if (root !== null) {
  root.textContent = '';
  startLooking();
  render(<App />, root);
}
