// What every page of the toolbar does: the offline bar, the bars about WeCom and about what the server would not
// record, and handing in what waits.
import { one, say } from '../lib/dom.js';
import { deliver, onOutbox, refusedRecords, tryAgain, withdraw } from '../lib/outbox.js';

export function startPage() {
  const bar = one('#offline');
  const show = () => { bar.hidden = navigator.onLine; };
  addEventListener('online', show);
  addEventListener('offline', show);
  show();
  onOutbox((entry, state) => { if (state !== 'waiting') showRefused(); });
  showRefused();
  deliver();
}

// What was sent, or told with an act, and could not be recorded stays in sight on every page, whatever became of its
// task. What was sent is a fact; what was only told whoever told it may let go.
async function showRefused() {
  const entries = await refusedRecords();
  const bar = one('#unrecorded');
  bar.replaceChildren(...entries.map(refusedLine));
  bar.hidden = !entries.length;
}

function refusedLine(entry) {
  const line = document.createElement('p');
  const told = entry.act && (entry.body.note || entry.body.comment);
  const parts = [entry.title || entry.text, told, say(entry.act ? 'not_done' : 'not_recorded', { reason: entry.refused })];
  line.textContent = parts.filter(Boolean).join(' · ');
  line.append(' ', lineButton('try_again', () => tryAgain(entry.key)));
  if (entry.act) line.append(' ', lineButton('discard', () => withdraw(entry.key).then(showRefused)));
  return line;
}

function lineButton(words, act) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'linklike';
  button.textContent = say(words);
  button.addEventListener('click', act);
  return button;
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

// Time as the page tells it: business time in the store's zone, whatever this device's clock and zone.
let ahead = 0; // business time less this device's, milliseconds
let zone;
let readFrom = null;

function read() {
  const mark = one('[data-now]');
  if (!mark || mark === readFrom) return;
  readFrom = mark;
  ahead = Number(mark.dataset.now) - Date.now();
  zone = mark.dataset.zone;
}

// `14:03` of an instant of this device's clock.
export function timeOf(at) {
  read();
  const options = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: zone };
  return new Intl.DateTimeFormat('en-GB', options).format(at + ahead);
}
