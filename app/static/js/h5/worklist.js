// My tasks: open the customer's chat, or say that an invitation was made.
import { one, onClick } from '../lib/dom.js';
import { say } from '../lib/words.js';
import { openChat } from '../lib/wecom.js';
import { copy, startPage } from './page.js';
import { isSending, showWaiting, startCopying, startInvitations } from './send.js';

const STALE_MS = 30000;

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
  const copied = await copy(one('[data-say]', card).textContent.trim());
  line.textContent = `${say('chat_failed', { reason })} ${copied ? say('copied') : ''}`;
}

// What fell due or was done meanwhile shows when the page comes back.
let hiddenAt = 0;
document.addEventListener('visibilitychange', () => {
  if (document.hidden) hiddenAt = Date.now();
  else if (Date.now() - hiddenAt > STALE_MS && !isSending()) location.reload();
});
addEventListener('pageshow', event => { if (event.persisted) location.reload(); });

startPage();
startCopying();
startInvitations();
showWaiting();
document.documentElement.dataset.ready = '1';
