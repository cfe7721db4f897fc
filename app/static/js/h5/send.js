// A task's buttons. Send has four faces: send, sending, sent, and back with the reason.
import { all, newKey, one, onClick, say } from '../lib/dom.js';
import { currentContact, sendText } from '../lib/wecom.js';
import { postAdvice, Refused } from '../lib/api.js';
import { letGo, onOutbox, put, refusedRecords, reserve, waiting } from '../lib/outbox.js';
import { copy, timeOf } from './page.js';

const UNFILLED = /\{[a-z_]+\}/g;
const ADVICE_MS = 3000;
const STOPS = ['sending_elsewhere', 'task_closed', 'not_your_task', 'unknown_task'];
const underWay = new Set();
const keys = new Map(); // task → key of its sending by this page, until it is known what became of it

export const isSending = () => underWay.size > 0;

export const cardWith = task => all('[data-task]').find(card => card.dataset.task === task);
const cardOf = element => element.closest('[data-task]');
const textOf = card => one('[data-say]', card).textContent.trim();

export function tellResult(card, text, isGood = false) {
  const line = one('[data-result]', card);
  line.textContent = text;
  line.classList.toggle('good', isGood);
}

function show(button, state, label) {
  button.dataset.state = state;
  button.textContent = label;
  button.disabled = state === 'sent';
  if (state === 'sending') button.setAttribute('aria-disabled', 'true');
  else button.removeAttribute('aria-disabled');
}

function showDone(card, text) {
  for (const button of all('[data-send], [data-invited]', card)) show(button, 'sent', say(doneWord(button)));
  tellResult(card, text, true);
}

// What a button says once it was pressed: an invitation and a greeting by hand are the associate's word.
const doneWord = button => (button.hasAttribute('data-invited') ? button.dataset.invited || 'invited' : 'sent');

// A card's task is a follow-up task, or "greetings/…".
const isGreeting = task => task.includes('/');
const pathOf = task => `/h5/api/${isGreeting(task) ? task : `tasks/${task}`}`;

// `shown()` is the chat this page is about; `whenStale(how)` loads what is true: 'changed' chat, 'closed' task.
// Without WeCom the text is copied instead.
export function startSending(page) {
  onClick('[data-send]', async button => {
    const card = cardOf(button);
    const { task } = card.dataset;
    if (underWay.has(task) || button.dataset.state === 'sent') return;
    underWay.add(task);
    let stale = '';
    try { stale = await send(card, button, page); } finally { underWay.delete(task); }
    if (stale) page.whenStale(stale);
  });
}

export function startCopying() {
  onClick('[data-copy]', async button => {
    const card = cardOf(button);
    tellResult(card, say((await copy(textOf(card))) ? 'copied' : 'copy_failed'), true);
  });
}

// `offerUndo(card)`: what was said by mistake can be taken back for some minutes.
export function startInvitations(offerUndo) {
  onClick('[data-invited]', async button => {
    const card = cardOf(button);
    const { task } = card.dataset;
    if (underWay.has(task)) return;
    underWay.add(task);
    const what = { evidence: 'self_declared', external_userid: null, sent_text: null };
    await record(task, newKey(), `${doneWord(button)}_at`, what, () => showDone(card, ''));
    underWay.delete(task);
    if (!isGreeting(task)) offerUndo(card);
  });
}

// Returns how the page turned out to be stale, or ''.
async function send(card, button, { shown, canSend }) {
  const { task } = card.dataset;
  const text = textOf(card);
  const blanks = text.match(UNFILLED);
  if (blanks) { tellResult(card, say('unfilled', { names: blanks.join(' ') })); return ''; }
  if (!canSend()) { await copyInstead(card, text); return ''; }
  show(button, 'sending', say('sending'));
  tellResult(card, '');
  const contact = shown();
  const key = keys.get(task) || newKey();
  keys.set(task, key);
  const taken = await takeTurn(task, key);
  if (taken) return giveWay(card, button, taken);
  try {
    if ((await currentContact()) !== contact) {
      show(button, 'ready', say('send'));
      endTurn(task, key);
      return 'changed';
    }
    await sendText(text);
  } catch (error) {
    const isUnknown = error.kind === 'timeout';
    if (!isUnknown) endTurn(task, key);
    show(button, 'ready', say(isUnknown ? 'again' : 'send'));
    tellResult(card, say(isUnknown ? 'maybe_sent' : error.kind, { reason: error.message }));
    return '';
  }
  keys.delete(task);
  const what = { evidence: 'client_reported', external_userid: contact, sent_text: text };
  await record(task, key, 'sent_at', what, () => showDone(card, say('sent_at', { time: timeOf(Date.now()) })));
  return '';
}

// Null: go on. Otherwise who was quicker: a tab of this device, or what the server says of others.
// A server that cannot be reached, or says anything else, holds nobody up.
async function takeTurn(task, key) {
  const mark = await reserve(task, key);
  if (mark || isGreeting(task)) return mark;
  try {
    await postAdvice(`${pathOf(task)}/claim`, { key }, ADVICE_MS);
  } catch (error) {
    if (error instanceof Refused && STOPS.includes(error.code)) { await letGo(task, key); return error; }
  }
  return null;
}

function giveWay(card, button, taken) {
  keys.delete(card.dataset.task);
  if (taken.isSent) {
    showDone(card, say('sent_at', { time: timeOf(taken.at) }));
    return 'closed';
  }
  show(button, 'ready', say('send'));
  tellResult(card, taken instanceof Refused ? taken.message : say('elsewhere'));
  return taken.code === 'task_closed' ? 'closed' : '';
}

function endTurn(task, key) {
  keys.delete(task);
  letGo(task, key);
  if (isGreeting(task)) return;
  postAdvice(`${pathOf(task)}/release`, { key }, ADVICE_MS).catch(() => { /* the claim runs out by itself */ });
}

async function copyInstead(card, text) {
  tellResult(card, say((await copy(text)) ? 'copied' : 'copy_failed'), true);
}

async function record(task, key, said, what, isKept) {
  const title = one('h2, h3', cardWith(task));
  await put({ key, task, said, title: title ? title.textContent.trim() : '', url: `${pathOf(task)}/done`, body: { key, ...what } }, { isKept });
}

const doneAt = entry => say(entry.said || 'sent_at', { time: timeOf(entry.at) });

function showWaitingEntry(entry) {
  const card = cardWith(entry.task);
  if (!card) return;
  showDone(card, `${doneAt(entry)} ${say('waiting')}`);
  card.dataset.waiting = doneAt(entry);
}

// A record that still waits, or was refused, belongs to a message that was sent: after a reload it must not look unsent.
export async function showWaiting() {
  (await waiting()).filter(entry => !entry.act).forEach(showWaitingEntry);
  for (const entry of await refusedRecords()) {
    const card = entry.act ? null : cardWith(entry.task);
    if (card) showDone(card, say('not_recorded', { reason: entry.refused }));
  }
}

// True where a record shown as waiting is gone: another tab handed it in, so the page may be stale.
export async function settle() {
  const still = new Set((await waiting()).map(entry => entry.task));
  const gone = all('[data-waiting]').filter(card => !still.has(card.dataset.task));
  for (const card of gone) {
    tellResult(card, card.dataset.waiting, true);
    card.removeAttribute('data-waiting');
  }
  return gone.length > 0;
}

onOutbox((entry, state, reason) => {
  const card = entry.act ? null : cardWith(entry.task);
  if (!card) return;
  if (state === 'waiting') { showWaitingEntry(entry); return; }
  card.removeAttribute('data-waiting');
  if (state === 'recorded') showDone(card, doneAt(entry));
  if (state === 'refused') tellResult(card, say('not_recorded', { reason }));
});
