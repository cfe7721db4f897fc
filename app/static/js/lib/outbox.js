// Records on their way to the server, kept in IndexedDB (WeCom on macOS clears localStorage) until it answered.
// Each carries its own key, so delivering one twice changes nothing. Entries of another person are left alone.
// What says that something was sent, or what was said, is never lost: refused, it stays, is shown, and is handed in by
// every page again.
import { postJson, Refused } from './api.js';

const STORE = 'outbox';
const FIRST_WAIT_MS = 3000;
const LONGEST_WAIT_MS = 60000;
const OLDEST_MS = 7 * 86400000;
const SENDING_MS = 75000; // a little longer than WeCom's own confirmation may stand
const SENT_MS = 86400000;
const actor = document.body.dataset.actor;
const watchers = new Set();
const kept = new Map(); // where the browser has no IndexedDB: until the page closes

let opened;
function open() {
  opened = opened || new Promise((done, fail) => {
    const request = indexedDB.open('dianban', 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'key' });
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
  return opened;
}

async function withStore(mode, use) {
  const database = await open();
  return new Promise((done, fail) => {
    const transaction = database.transaction(STORE, mode);
    let found;
    use(transaction.objectStore(STORE), value => { found = value; });
    transaction.oncomplete = () => done(found);
    transaction.onerror = transaction.onabort = () => fail(transaction.error);
  });
}

// Beside the records: who on this device is sending a task, or has sent it. Tabs share it, and it works offline.
const markKey = task => `mark:${actor}:${task}`;
const isLive = mark => Boolean(mark) && Math.abs(Date.now() - mark.at) < mark.life;

function mark(task, by, isSent) {
  return { key: markKey(task), task, actor, by, isSent, at: Date.now(), life: isSent ? SENT_MS : SENDING_MS };
}

// Null: the task is ours to send until we `letGo` or `put` its record. Otherwise the mark of who has it or sent it.
export async function reserve(task, by) {
  try {
    return await withStore('readwrite', (store, give) => {
      const asked = store.get(markKey(task));
      asked.onsuccess = () => {
        const held = isLive(asked.result) && asked.result.by !== by ? asked.result : null;
        give(held);
        if (!held) store.put(mark(task, by, false));
      };
    });
  } catch (_) { return null; }
}

export async function letGo(task, by) {
  try {
    await withStore('readwrite', store => {
      const asked = store.get(markKey(task));
      asked.onsuccess = () => { if (asked.result && asked.result.by === by) store.delete(markKey(task)); };
    });
  } catch (_) { /* nothing was stored */ }
}

// What was sent, or said to be done, marks its task; an act does not, and one that undoes takes the mark away.
async function keep(entry) {
  try {
    await withStore('readwrite', store => {
      store.put(entry);
      if (!entry.act) store.put(mark(entry.task, entry.key, true));
      if (entry.undoes) store.delete(markKey(entry.task));
    });
  } catch (_) { kept.set(entry.key, entry); }
}

async function drop(...keys) {
  keys.forEach(key => kept.delete(key));
  try { await withStore('readwrite', store => keys.forEach(key => store.delete(key))); } catch (_) { /* nothing was stored */ }
}

async function stored() {
  try {
    return await withStore('readonly', (store, give) => {
      const asked = store.getAll();
      asked.onsuccess = () => give(asked.result);
    });
  } catch (_) { return []; }
}

async function mine() {
  const records = (await stored()).filter(entry => entry.url && !kept.has(entry.key));
  return [...records, ...kept.values()].filter(entry => entry.actor === actor).sort((a, b) => a.at - b.at);
}

// What this person has waiting, and what the server did not take with its reason as `refused`; oldest first.
export const waiting = async () => (await mine()).filter(entry => !entry.refused);
export const refusedRecords = async () => (await mine()).filter(entry => entry.refused);

// This page has handed these in and was refused: once is enough, unless somebody asks.
const tried = new Set();

export function tryAgain(key) {
  tried.delete(key);
  return deliver();
}

async function keepRefused(entry, reason) {
  tried.add(entry.key);
  const again = { ...entry, refused: reason };
  try { await withStore('readwrite', store => store.put(again)); } catch (_) { kept.set(entry.key, again); }
}

async function sweep() {
  const old = (await stored()).filter(entry => !entry.url && !isLive(entry));
  if (old.length) await drop(...old.map(entry => entry.key));
}

// `watch(entry, state, reason)` hears of "recorded", "waiting" and "refused".
export const onOutbox = watch => watchers.add(watch);
const tellHere = (entry, state, reason) => watchers.forEach(watch => watch(entry, state, reason));

// Other tabs show the same task: they hear what became of it.
const channel = 'BroadcastChannel' in window ? new BroadcastChannel('dianban-outbox') : null;
if (channel) {
  channel.onmessage = ({ data: { entry, state, reason } }) => { if (entry.actor === actor) tellHere(entry, state, reason); };
}

function tell(entry, state, reason = '') {
  tellHere(entry, state, reason);
  const { key, task, at, said, act } = entry;
  if (channel) channel.postMessage({ entry: { key, task, at, said, act, actor }, state, reason });
}

// `said` names the words for what was done; `body` is posted with the record's age. `isKept` is called once a page that
// is closed or loaded anew cannot lose the record any more: what is shown as done is shown then, not before. With
// `holdMs` it is handed in only after so long, or when the page is left, and can be withdrawn until then.
export async function put(entry, { isKept = () => {}, holdMs = 0 } = {}) {
  await keep({ ...entry, actor, at: Date.now(), notBefore: holdMs ? Date.now() + holdMs : 0 });
  isKept();
  return deliver();
}

// What was held back, or refused, and is not wanted any more.
export const withdraw = key => drop(key);

// The page is left: nothing is held back any longer.
let isLeaving = false;
document.addEventListener('visibilitychange', () => {
  isLeaving = document.hidden;
  if (isLeaving) deliver();
});
const isHeld = entry => !isLeaving && entry.notBefore > Date.now();

let running = null;
let again = false;
let timer;
let wait = FIRST_WAIT_MS;

// Deliver all that waits. Calls while one is under way join it.
export function deliver() {
  if (running) { again = true; return running; }
  running = work().finally(() => { running = null; });
  return running;
}

async function work() {
  let isDown;
  let held;
  do {
    again = false;
    isDown = false;
    const entries = (await mine()).filter(entry => !tried.has(entry.key));
    held = entries.filter(isHeld);
    for (const entry of entries.filter(each => !held.includes(each))) {
      if (isDown) tellWaiting(entry);
      else isDown = !(await handIn(entry));
    }
  } while (again && !isDown);
  clearTimeout(timer);
  if (isDown) timer = setTimeout(deliver, wait);
  else if (held.length) timer = setTimeout(deliver, Math.max(0, Math.min(...held.map(entry => entry.notBefore)) - Date.now()));
  wait = isDown ? Math.min(wait * 2, LONGEST_WAIT_MS) : FIRST_WAIT_MS;
}

// One that was refused before looks refused until it is taken.
const tellWaiting = entry => tell(entry, entry.refused ? 'refused' : 'waiting', entry.refused);

// An act that only asks for something is gone once it is refused; what somebody told with it is not.
const TELLING = ['outcome', 'note', 'comment', 'score', 'tried', 'size'];
const tells = ({ act, body }) => !act || TELLING.some(name => [].concat(body[name] || []).length > 0);

// Seconds since it happened, by this device's clock, which may have been set meanwhile.
const ageOf = entry => Math.round(Math.min(Math.max(Date.now() - entry.at, 0), OLDEST_MS) / 1000);

// True when the server has answered for good.
async function handIn(entry) {
  try {
    await postJson(entry.url, { ...entry.body, age_s: ageOf(entry) });
  } catch (error) {
    if (!(error instanceof Refused) || error.isPassing) { tellWaiting(entry); return false; }
    if (tells(entry)) await keepRefused(entry, error.message);
    else await drop(entry.key);
    tell(entry, 'refused', error.message);
    return true;
  }
  await drop(entry.key);
  tell(entry, 'recorded');
  return true;
}

sweep();
addEventListener('online', () => { wait = FIRST_WAIT_MS; deliver(); });
