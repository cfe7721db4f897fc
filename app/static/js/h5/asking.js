// What only the server knows, loaded with the first question: who may take a task over, and the number to call.
import { newKey, say } from '../lib/dom.js';
import { getJson, postJson } from '../lib/api.js';
import { tellResult } from './send.js';

const make = (tag, values) => Object.assign(document.createElement(tag), values);

// What the sheet shows: a button for each, or that there is nobody.
export async function colleagues(task) {
  const found = (await getJson(`/h5/api/tasks/${task}/colleagues`)).colleagues;
  return found.length ? found.map(buttonOf) : [make('p', { className: 'quiet', textContent: say('no_colleague') })];
}

function buttonOf(one) {
  const button = make('button', { type: 'button', textContent: one.name });
  button.dataset.to = one.ref;
  const hints = [one.is_manager && say('manager'), !one.is_contact && say('invites')].filter(Boolean);
  if (hints.length) button.append(make('small', { className: 'quiet', textContent: hints.join(' · ') }));
  return button;
}

// The number stands on the page until that is loaded again, and nowhere else; each look is written down.
export async function showNumber(button) {
  const card = button.closest('[data-task]');
  button.disabled = true;
  try {
    const { tel, number } = await postJson(`/h5/api/tasks/${card.dataset.task}/number`, { key: newKey() });
    const link = make('a', { className: 'button', href: tel, textContent: number });
    button.replaceWith(link);
    link.focus();
    tellResult(card, '');
  } catch (error) {
    button.disabled = false;
    tellResult(card, error.status ? say('not_done', { reason: error.message }) : say('needs_network'));
  }
}
