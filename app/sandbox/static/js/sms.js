// Answering a text message for whoever got it, on the page of all messages.
import { ask } from './api.js';

for (const form of document.querySelectorAll('[data-answer]')) {
  const said = form.querySelector('[role="status"]');
  form.addEventListener('submit', async event => {
    event.preventDefault();
    try {
      await ask(form.action, { words: form.words.value });
      location.reload();
    } catch (error) { said.textContent = error.message; said.classList.add('wrong'); }
  });
}
