// Records on their way to the server, kept in IndexedDB (WeCom on macOS clears localStorage) until it answered.
// Each carries its own key, so delivering one twice changes nothing. Entries of another person are left alone.
import { postJson, Refused } from './api.js';

const STORE = 'outbox';
const FIRST_WAIT_MS = 3000;
const LONGEST_WAIT_MS = 60000;
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
    const request = use(transaction.objectStore(STORE));
    transaction.oncomplete = () => done(request.result);
    transaction.onerror = transaction.onabort = () => fail(transaction.error);
  });
}

async function keep(entry) {
  try { await withStore('readwrite', store => store.put(entry)); } catch (_) { kept.set(entry.key, entry); }
}

async function drop(key) {
  kept.delete(key);
  try { await withStore('readwrite', store => store.delete(key)); } catch (_) { /* nothing was stored */ }
}

// What this person has waiting, oldest first.
export async function waiting() {
  let stored = [];
  try { stored = await withStore('readonly', store => store.getAll()); } catch (_) { /* no IndexedDB */ }
  return [...stored, ...kept.values()].filter(entry => entry.actor === actor).sort((a, b) => a.at - b.at);
}

// `watch(entry, state, reason)` hears of "recorded", "waiting" and "refused".
export const onOutbox = watch => watchers.add(watch);
const tell = (entry, state, reason = '') => watchers.forEach(watch => watch(entry, state, reason));

export async function put(entry) {
  await keep({ ...entry, actor, at: Date.now() });
  return deliver();
}

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
  do {
    again = false;
    isDown = false;
    for (const entry of await waiting()) {
      if (isDown) tell(entry, 'waiting');
      else isDown = !(await handIn(entry));
    }
  } while (again && !isDown);
  clearTimeout(timer);
  if (isDown) timer = setTimeout(deliver, wait);
  wait = isDown ? Math.min(wait * 2, LONGEST_WAIT_MS) : FIRST_WAIT_MS;
}

// True when the server has answered for good.
async function handIn(entry) {
  try {
    await postJson(entry.url, entry.body);
  } catch (error) {
    if (!(error instanceof Refused) || error.isPassing) { tell(entry, 'waiting'); return false; }
    await drop(entry.key);
    tell(entry, 'refused', error.message);
    return true;
  }
  await drop(entry.key);
  tell(entry, 'recorded');
  return true;
}

addEventListener('online', () => { wait = FIRST_WAIT_MS; deliver(); });
