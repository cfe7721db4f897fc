// What every page of the toolbar does: the offline bar, the bar about WeCom, and handing in what waits.
import { one } from '../lib/dom.js';
import { say } from '../lib/words.js';
import { deliver } from '../lib/outbox.js';

export function startPage() {
  const bar = one('#offline');
  const show = () => { bar.hidden = navigator.onLine; };
  addEventListener('online', show);
  addEventListener('offline', show);
  show();
  deliver();
}

// A button that is exchanged between press and release never hears of the tap: wait until nothing is pressed.
let pressed = false;
let released = [];
document.addEventListener('pointerdown', () => { pressed = true; }, true);
for (const name of ['pointerup', 'pointercancel']) {
  document.addEventListener(name, () => {
    pressed = false;
    setTimeout(() => { released.forEach(go => go()); released = []; }, 50); // after the click that follows
  }, true);
}

export const untilReleased = () => (pressed ? new Promise(go => { released.push(go); }) : Promise.resolve());

// Says above the page why sending is not possible here; reading and copying is.
export function explain(error) {
  const bar = one('#environment');
  bar.textContent = error.kind ? say(error.kind, { reason: error.message }) : say('load_failed');
  bar.hidden = false;
}

export function stopExplaining() {
  one('#environment').hidden = true;
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (_) {
    return copyBySelecting(text);
  }
}

// Old webviews, and frames that may not use the clipboard.
function copyBySelecting(text) {
  const box = document.createElement('textarea');
  box.value = text;
  box.className = 'visually-hidden';
  document.body.append(box);
  box.select();
  const done = document.execCommand('copy');
  box.remove();
  return done;
}
