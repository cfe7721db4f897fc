// My tasks: open the customer's chat, say that an invitation was made, or what else became of a task.
import { all, one, onClick, say } from '../lib/dom.js';
import { getPart } from '../lib/api.js';
import { onOutbox } from '../lib/outbox.js';
import { openChat } from '../lib/wecom.js';
import { copy, startPage } from './page.js';
import { isActing, offerUndo, showWaitingActs, startActs } from './acts.js';
import { isSending, settle, showWaiting, startCopying, startInvitations } from './send.js';

const STALE_MS = 30000;
const LOOK_MS = 15000;

onClick('[data-chat]', async button => {
  const card = button.closest('[data-task]');
  const line = one('[data-result]', card);
  button.setAttribute('aria-busy', 'true');
  try {
    await openChat(card.dataset.contact);
    line.textContent = '';
  } catch (error) {
    await tellHow(card, line, error);
  }
  button.removeAttribute('aria-busy');
});

// No chat can be opened here: the words are on the clipboard at least.
async function tellHow(card, line, error) {
  const reason = say(error.kind || 'fail', { reason: error.message });
  const words = one('[data-say]', card);
  const copied = words && await copy(words.textContent.trim());
  line.textContent = `${say('chat_failed', { reason })} ${copied ? say('copied') : ''}`;
}

// Counts, what was done and the store's people follow at once; the cards stay where they are under the thumb.
async function followCounts() {
  const fresh = new DOMParser().parseFromString(await getPart(location.href), 'text/html');
  for (const old of all('[data-live]')) {
    const now = one(`[data-live=${old.dataset.live}]`, fresh);
    if (now) old.replaceWith(document.importNode(now, true));
  }
}
onOutbox((entry, state) => { if (state === 'recorded') followCounts().catch(() => { /* they follow with the next load */ }); });

// What fell due or was done meanwhile shows when the page comes back.
let hiddenAt = 0;
document.addEventListener('visibilitychange', async () => {
  if (document.hidden) { hiddenAt = Date.now(); return; }
  if (isSending() || isActing()) return;
  if (await settle() || Date.now() - hiddenAt > STALE_MS) location.reload();
});
setInterval(async () => { if (!document.hidden && !isSending() && !isActing() && await settle()) location.reload(); }, LOOK_MS);
addEventListener('pageshow', event => { if (event.persisted) location.reload(); });

startPage();
startCopying();
startInvitations(offerUndo);
startActs(() => location.reload());
showWaiting();
showWaitingActs();
document.documentElement.dataset.ready = '1';
