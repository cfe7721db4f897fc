// The sidebar: ask WeCom who the chat is with, then show that member; ask again whenever the page comes back.
import { one, onClick, say, toast } from '../lib/dom.js';
import { getPart } from '../lib/api.js';
import { whereAmI } from '../lib/wecom.js';
import { explain, startPage, stopExplaining, untilReleased } from './page.js';
import { isActing, offerUndo, showWaitingActs, startActs } from './acts.js';
import { isSending, settle, showWaiting, startCopying, startInvitations, startSending } from './send.js';

const REFRESH_MS = 60000;
const box = one('#member');
let shown = null; // the external_userid whose member is on the page
let canSend = false;
let asking = 0;
let lastAt = 0;
let lastContent = '';
let looks = 0; // how often the page has looked again by itself since somebody looked at it
let nextLook;

async function show(contact) {
  const mine = ++asking;
  if (contact !== shown) { looks = 0; box.setAttribute('aria-busy', 'true'); }
  const part = await getPart(`/h5/member?contact=${encodeURIComponent(contact)}`);
  await untilReleased();
  if (mine !== asking || isSending() || isActing()) return; // a newer chat won, or a message is on its way
  lastAt = Date.now();
  const content = part.replace(/ data-now="\d+"/, '');
  if (contact === shown && content === lastContent) return;
  const wasOpen = Boolean(one('details[open]', box));
  box.innerHTML = part;
  if (wasOpen && contact === shown && one('details', box)) one('details', box).open = true;
  shown = contact;
  lastContent = content;
  box.removeAttribute('aria-busy');
  await showWaiting();
  await showWaitingActs();
  document.documentElement.dataset.ready = '1';
}

async function look() {
  try {
    const here = await whereAmI();
    canSend = here.canSend;
    if (here.entry === 'normal') { location.replace('/h5/worklist'); return; }
    if (!here.contact) { lose(say(/group/.test(here.entry) ? 'group' : 'no_context')); return; }
    stopExplaining();
    await show(here.contact);
  } catch (error) {
    canSend = false;
    if (shown) explain(error);
    else lose(error.kind ? say(error.kind, { reason: error.message }) : say('load_failed'));
  }
  planLook();
}

// What may pass by itself (a request accepted, an event on its way) is looked at again: the part says after how many
// seconds each. Whoever comes back to the page, or asks, starts it over.
function planLook() {
  clearTimeout(nextLook);
  const part = one('[data-look-again]', box);
  const wait = part && part.dataset.lookAgain.split(' ')[looks];
  if (!wait) return;
  nextLook = setTimeout(() => {
    looks += 1;
    if (!document.hidden) look();
  }, wait * 1000);
}

// Nothing can be shown: why, and where to go on.
function lose(reason) {
  const part = one('#lost').content.cloneNode(true);
  one('[data-reason]', part).textContent = reason;
  box.replaceChildren ? box.replaceChildren(part) : (box.textContent = '', box.append(part));
  box.removeAttribute('aria-busy');
  shown = null;
  document.documentElement.dataset.ready = '1';
}

async function lookAgain() {
  if (document.hidden || isSending() || isActing()) return;
  await settle();
  lookFromStart();
}

function lookFromStart() {
  looks = 0;
  look();
}

// What stands on the page is known to be old: show it again even where the server's answer is the same.
function lookAnew() {
  lastContent = '';
  look();
}

startPage();
startCopying();
startInvitations(offerUndo);
startActs(lookAnew);
startSending({
  shown: () => shown,
  canSend: () => canSend,
  whenStale: how => { if (how === 'changed') toast(say('chat_changed')); lookAnew(); },
});
onClick('[data-again]', lookFromStart);
document.addEventListener('visibilitychange', lookAgain);
addEventListener('focus', () => { if (Date.now() - lastAt > 2000) lookAgain(); });
addEventListener('pageshow', event => { if (event.persisted) lookAgain(); });
setInterval(async () => {
  if (document.hidden || isSending() || isActing()) return;
  if (await settle()) lookAnew();
  else if (Date.now() - lastAt > REFRESH_MS && shown) look();
}, REFRESH_MS / 4);
look();
