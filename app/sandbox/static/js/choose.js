// Choosing a phone: finds as one types, and keeps the unread counts fresh.
import { ask, whileVisible } from './api.js';
import { avatar, count, el } from './dom.js';
import { TravelBar } from './travel.js';

const FRESH_MS = 3000;
const bar = new TravelBar(document.querySelector('[data-travel]'));
const cards = document.querySelector('[data-cards]');
const none = document.querySelector('[data-none]');
const form = document.querySelector('[data-search]');
const port = location.port ? `:${location.port}` : '';
let shown = '';

function card(person) {
  return el('li', null, el('a', { class: 'card', href: `http://${person.label}.localhost${port}/phone` },
    avatar(person.name, person.userid),
    el('span', { class: 'who' }, el('strong', null, person.name),
      el('span', { class: 'faint' }, [person.department, person.position].filter(Boolean).join(' · '))),
    count(person.unread)));
}

async function refresh() {
  const search = form.q.value.trim();
  try {
    const [{ people }, { now_ms: nowMs }] = await Promise.all([ask(`/people?q=${encodeURIComponent(search)}`), ask('/time')]);
    if (!bar.travelling) bar.set(nowMs);
    const state = JSON.stringify(people);
    if (state === shown || search !== form.q.value.trim()) return;
    const focused = document.activeElement && document.activeElement.href;
    shown = state;
    cards.replaceChildren(...people.map(card));
    if (focused) { const again = [...cards.querySelectorAll('a')].find(link => link.href === focused); if (again) again.focus(); }
    none.hidden = people.length > 0;
    none.textContent = search ? '没有找到。' : '还没有同事：店伴启动后会把他们放进来。';
  } catch (error) {
    bar.say(error.message, true);
  }
}

bar.resume();
const again = whileVisible(refresh, () => FRESH_MS);
let typed = 0;
form.q.addEventListener('input', () => { clearTimeout(typed); typed = setTimeout(again, 200); });
form.addEventListener('submit', event => { event.preventDefault(); again(); });
