// What else can be done with a task or about a member: the sheet. Each act changes the page at once, goes through the
// outbox, and rolls back with the reason where the server refuses it.
import { all, newKey, one, onClick, say } from '../lib/dom.js';
import { onOutbox, put, waiting, withdraw } from '../lib/outbox.js';
import { cardWith, tellResult } from './send.js';

const UNDO_MS = 6000; // what can be put right for longer keeps its button
const SLIP_MS = 240000; // a little less than the server allows
const DOUBLE_MS = 400;
const sheet = one('#acts');
let about = {}; // data of the card the sheet is about
let opener = null;
let refresh = () => {};
let noting = null; // the note of a call that is to be made again, while its time is chosen
let asking = 0; // of the lists of colleagues that were asked for, the last

export const isActing = () => !sheet.hidden;

const placeOf = button => button.closest('[data-member-ref]');
const panelOf = name => one(`[data-panel=${name}]`, sheet);

function open(card, button, panel) {
  if (card.dataset.memberRef !== about.memberRef || card.dataset.task !== about.task) forget();
  about = { ...card.dataset, who: whoOf(card) };
  opener = button;
  noting = null;
  const [evening, tomorrow, first] = about.waits.split('|');
  const isOurs = about.task && about.channel !== 'sms'; // that one the system does
  const isHandable = isOurs && !/group_send|moment/.test(about.channel); // of those WeCom says whose they are
  const can = { task: about.task, hand: isHandable, waits: isOurs && (evening || tomorrow || first), call: /phone|invite/.test(about.channel) };
  for (const item of all('[data-needs]', sheet)) item.hidden = !can[item.dataset.needs];
  sheet.hidden = false;
  show(panel || 'menu');
}

// Where several customers stand on a page, what is done says with whom.
function whoOf(card) {
  const name = one('.name', card);
  return name ? name.textContent.trim() : '';
}

const withWho = (who, text) => (who ? `${who} · ${text}` : text);

// What was typed about one customer is not told of another.
function forget() {
  all('form', sheet).forEach(form => form.reset());
  one('#acts-call').value = '';
}

function close() {
  if (sheet.hidden) return;
  sheet.hidden = true;
  // The second tap of a double one would press what stood under the sheet, which may send something.
  const { style } = document.body;
  style.pointerEvents = 'none';
  setTimeout(() => { style.pointerEvents = ''; }, DOUBLE_MS);
  if (opener && opener.isConnected) opener.focus();
}

function show(name) {
  for (const panel of all('[data-panel]', sheet)) panel.hidden = panel.dataset.panel !== name;
  const title = one('#acts-title');
  title.textContent = withWho(about.who, panelOf(name).dataset.title);
  title.focus();
  if (name === 'wait') fillWaits();
  if (name === 'hand') fillColleagues();
}

function fillWaits() {
  const [evening, tomorrow, first, last] = about.waits.split('|');
  const times = { evening, tomorrow };
  for (const button of all('[data-until]', sheet)) {
    button.hidden = !times[button.dataset.until];
    one('b', button).textContent = times[button.dataset.until];
  }
  one('[data-days]', sheet).hidden = !first;
  Object.assign(one('[name=day]', sheet), { min: first, max: last, value: first });
}

async function fillColleagues() {
  const mine = ++asking;
  const { task } = about;
  const panel = panelOf('hand');
  panel.textContent = '';
  panel.setAttribute('aria-busy', 'true');
  let found;
  try {
    found = await (await import('./asking.js')).colleagues(task);
  } catch (_) { found = [element('p', 'quiet', say('needs_network'))]; }
  if (mine !== asking) return; // the sheet is about another task by now
  panel.append(...found);
  panel.removeAttribute('aria-busy');
}

function element(tag, kind, text) {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  made.textContent = text;
  return made;
}

// In place of the card, or below it: what was done, and for a while a way back.
function settle(card, text, takeBack, ms, stays) {
  if (!card) return;
  unsettle(card);
  const line = element('p', 'settled', text);
  line.setAttribute('role', 'status');
  if (!stays) card.classList.add('is-settled');
  if (takeBack) {
    const button = element('button', 'linklike', say('undo'));
    button.type = 'button';
    button.addEventListener('click', () => { unsettle(card); takeBack(); }, { once: true });
    line.append(' ', button);
    setTimeout(() => button.remove(), ms);
  }
  card.append(line);
}

function unsettle(card) {
  card.classList.remove('is-settled');
  all('.settled', card).forEach(line => line.remove());
}

// `undo` is the path that takes it back; without one it is held back for as long and can be withdrawn.
async function act({ of = about, path, body = {}, text, stays = false, undo = '', undoMs = UNDO_MS, holdMs = 0, renews = false }) {
  const key = newKey();
  const { task, who } = of;
  const said = withWho(who, text);
  const card = one(`[data-member-ref="${of.memberRef}"][data-task="${task}"]`);
  const takeBack = holdMs ? () => withdraw(key) : undo && (() => takeItBack(of, undo));
  const entry = { key, act: renews ? 'renews' : 'acts', task, text: said, stays, url: `/h5/api/${path}`, body: { key, ...body } };
  close();
  await put(entry, { holdMs, isKept: () => settle(card, said, takeBack, undoMs, stays) });
}

async function takeItBack(of, path) {
  const key = newKey();
  const entry = { key, act: 'renews', undoes: true, task: of.task, text: say('back_again'), stays: true, url: `/h5/api/${path}`, body: { key } };
  await put(entry, { isKept: () => settle(cardWith(of.task), entry.text, null, 0, true) });
}

const taskPath = (of, what) => `tasks/${of.task}/${what}`;
const memberPath = what => `members/${about.memberRef}/${what}`;

function postpone(until, time) {
  if (noting !== null) {
    const body = { outcome: 'call_back', note: noting, until };
    act({ path: taskPath(about, 'call'), body, text: say('put_off', { time }), undo: taskPath(about, 'recall') });
  } else {
    act({ path: taskPath(about, 'postpone'), body: { until }, text: say('put_off', { time }), undo: taskPath(about, 'recall') });
  }
}

function skip(reason, label, note = '') {
  act({ path: taskPath(about, 'skip'), body: { reason, note }, text: say('skipped', { reason: label }), undo: taskPath(about, 'undo'), undoMs: SLIP_MS });
}

function note(outcome) {
  const said = one('#acts-call').value.trim();
  if (outcome === 'call_back') { noting = said; show('wait'); return; }
  const isDone = outcome === 'reached';
  act({ path: taskPath(about, 'call'), body: { outcome, note: said }, text: say(outcome), stays: !isDone, undo: isDone ? taskPath(about, 'undo') : '', undoMs: SLIP_MS });
  one('#acts-call').value = '';
}

const DIRECT = {
  replied: () => act({ path: memberPath('replied'), text: say('replied'), stays: true, holdMs: UNDO_MS, renews: true }),
  'opt-out': () => act({ path: memberPath('opt-out'), text: say('left_alone'), holdMs: UNDO_MS, renews: true }),
  'opt-in': () => act({ path: memberPath('opt-in'), text: say('followed_again'), renews: true }),
  recall: () => act({ path: taskPath(about, 'recall'), text: say('back_again'), renews: true }),
  undo: () => takeItBack(about, taskPath(about, 'undo')),
};

const dayOf = text => new Date(text).toLocaleDateString(document.documentElement.lang, { month: 'short', day: 'numeric', timeZone: 'UTC' });

const SUBMITS = {
  wait: form => postpone(form.day.value, dayOf(form.day.value)),
  skip: form => {
    form.note.value = form.note.value.trim();
    if (form.reportValidity()) skip('skipped_other', form.note.value, form.note.value);
  },
  visit: form => {
    const tried = form.tried.value.split(/[,，、;；]/).map(item => item.trim().slice(0, 64)).filter(Boolean).slice(0, 20);
    act({ path: memberPath('visit'), body: { reason: form.reason.value, tried, size: form.size.value.trim() }, text: say('visited'), stays: true, holdMs: UNDO_MS });
    form.reset();
  },
};

// What was said to be done by mistake: see startInvitations.
export function offerUndo(card) {
  const of = { ...card.dataset };
  const button = element('button', 'linklike', say('undo'));
  button.type = 'button';
  button.addEventListener('click', () => { button.remove(); takeItBack(of, taskPath(of, 'undo')); }, { once: true });
  card.append(button);
  setTimeout(() => button.remove(), SLIP_MS);
}

// `renew()` loads what is true once an act has changed more than its own card.
export function startActs(renew) {
  refresh = renew;
  onClick('[data-more]', button => open(placeOf(button), button, button.dataset.more));
  onClick('[data-act]', button => { if (!sheet.contains(button)) about = { ...placeOf(button).dataset, who: whoOf(placeOf(button)) }; DIRECT[button.dataset.act](); });
  onClick('[data-number]', button => import('./asking.js').then(it => it.showNumber(button), () => tellResult(placeOf(button), say('needs_network'))));
  onClick('[data-go]', button => show(button.dataset.go));
  onClick('[data-close]', close);
  onClick('#acts', (shade, event) => { if (event.target === shade) close(); });
  onClick('[data-until]', button => postpone(button.dataset.until, button.textContent.trim()));
  onClick('[data-skip]', button => skip(button.dataset.skip, button.textContent));
  onClick('[data-call]', button => note(button.dataset.call));
  onClick('[data-score]', button => {
    const { score } = button.dataset;
    act({ path: memberPath('satisfaction'), body: { score: Number(score), comment: one('#acts-said').value.trim() }, text: say('scored', { score }), stays: true, holdMs: UNDO_MS });
    one('#acts-said').value = '';
  });
  onClick('[data-to]', button => act({ path: taskPath(about, 'hand'), body: { to: button.dataset.to }, text: say('handed', { name: button.firstChild.textContent }) }));
  sheet.addEventListener('submit', event => {
    event.preventDefault();
    SUBMITS[event.target.dataset.panel](event.target);
  });
  document.addEventListener('keydown', event => { if (event.key === 'Escape') close(); });
  document.addEventListener('focusin', event => { if (isActing() && !sheet.contains(event.target)) one('#acts-title').focus(); });
}

const isOf = entry => entry.act && entry.task;

// An act that still waits has been done as far as this person is concerned: after a reload it must not look undone.
export async function showWaitingActs() {
  (await waiting()).filter(isOf).forEach(entry => settle(cardWith(entry.task), `${entry.text} ${say('waiting')}`, null, 0, entry.stays));
}

onOutbox((entry, state, reason) => {
  if (!entry.act) return;
  const card = entry.task ? cardWith(entry.task) : one('[data-task=""]');
  if (state === 'waiting' && card && one('.settled', card)) tellResult(card, say('waiting'));
  if (state === 'refused' && card && entry.undoes) settle(card, say('not_done', { reason }), null, 0, false);
  else if (state === 'refused' && card) { unsettle(card); tellResult(card, say('not_done', { reason })); }
  if (state === 'recorded' && card) tellResult(card, '');
  if (state === 'recorded' && entry.act === 'renews' && !isActing()) refresh();
});
