// A task's buttons. Send has four faces: send, sending, sent, and back with the reason.
import { all, newKey, one, onClick } from '../lib/dom.js';
import { say } from '../lib/words.js';
import { currentContact, sendText } from '../lib/wecom.js';
import { onOutbox, put, waiting } from '../lib/outbox.js';
import { copy } from './page.js';
import { timeOf } from './time.js';

const UNFILLED = /\{[a-z_]+\}/g;
const underWay = new Set();

export const isSending = () => underWay.size > 0;

const cardOf = element => element.closest('[data-task]');
const textOf = card => one('[data-say]', card).textContent.trim();

function tellResult(card, text, isGood = false) {
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

function showSent(card, text) {
  const button = one('[data-send], [data-invited]', card);
  if (button) show(button, 'sent', say(button.hasAttribute('data-invited') ? 'invited' : 'sent'));
  tellResult(card, text, true);
}

// `shown()` is the chat this page is about; `whenChanged` loads another. Without WeCom the text is copied instead.
export function startSending({ shown, canSend, whenChanged }) {
  onClick('[data-send]', button => {
    const card = cardOf(button);
    if (underWay.has(card.dataset.task) || button.dataset.state === 'sent') return;
    underWay.add(card.dataset.task);
    send(card, button, { shown, canSend, whenChanged }).finally(() => underWay.delete(card.dataset.task));
  });
}

export function startCopying() {
  onClick('[data-copy]', async button => {
    const card = cardOf(button);
    tellResult(card, say((await copy(textOf(card))) ? 'copied' : 'copy_failed'), true);
  });
}

export function startInvitations() {
  onClick('[data-invited]', async button => {
    const card = cardOf(button);
    if (underWay.has(card.dataset.task)) return;
    underWay.add(card.dataset.task);
    showSent(card, '');
    await record(card, { evidence: 'self_declared', external_userid: null, sent_text: null });
    underWay.delete(card.dataset.task);
  });
}

async function send(card, button, { shown, canSend, whenChanged }) {
  const text = textOf(card);
  const blanks = text.match(UNFILLED);
  if (blanks) { tellResult(card, say('unfilled', { names: blanks.join(' ') })); return; }
  if (!canSend()) { await copyInstead(card, text); return; }
  show(button, 'sending', say('sending'));
  tellResult(card, '');
  const contact = shown();
  try {
    if ((await currentContact()) !== contact) {
      show(button, 'ready', say('send'));
      whenChanged();
      return;
    }
    await sendText(text);
  } catch (error) {
    show(button, 'ready', say(error.kind === 'timeout' ? 'again' : 'send'));
    tellResult(card, say(error.kind === 'timeout' ? 'maybe_sent' : error.kind, { reason: error.message }));
    return;
  }
  showSent(card, say('sent_at', { time: timeOf(Date.now()) }));
  await record(card, { evidence: 'client_reported', external_userid: contact, sent_text: text });
}

async function copyInstead(card, text) {
  tellResult(card, say((await copy(text)) ? 'copied' : 'copy_failed'), true);
}

async function record(card, what) {
  const key = newKey();
  const task = card.dataset.task;
  await put({ key, task, url: `/h5/api/tasks/${task}/done`, body: { key, ...what } });
}

// A record that still waits belongs to a message that was sent: after a reload it must not look unsent.
export async function showWaiting() {
  for (const entry of await waiting()) {
    const card = cardWith(entry.task);
    if (card) showSent(card, `${say('sent_at', { time: timeOf(entry.at) })} ${say('waiting')}`);
  }
}

const cardWith = task => all('[data-task]').find(card => card.dataset.task === task);

onOutbox((entry, state, reason) => {
  const card = cardWith(entry.task);
  if (!card) return;
  const sentAt = say('sent_at', { time: timeOf(entry.at) });
  if (state === 'recorded') tellResult(card, sentAt, true);
  if (state === 'waiting') tellResult(card, `${sentAt} ${say('waiting')}`, true);
  if (state === 'refused') tellResult(card, say('not_recorded', { reason }));
});
