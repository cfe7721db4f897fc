// Choosing phones: finds as one types, keeps the unread counts fresh, opens several side by side.
import { ask, whileVisible } from './api.js';
import { avatar, count, el } from './dom.js';
import { TravelBar } from './travel.js';

const FRESH_MS = 3000;
const SIDE_BY_SIDE = 4;
const bar = new TravelBar(document.querySelector('[data-travel]'));
const cards = document.querySelector('[data-cards]');
const customerCards = document.querySelector('[data-customers]');
const none = document.querySelector('[data-none]');
const form = document.querySelector('[data-search]');
const newForm = document.querySelector('[data-new]');
const newSaid = document.querySelector('[data-new-said]');
const together = document.querySelector('[data-together]');
const port = location.port ? `:${location.port}` : '';
const chosen = new Set();
let shown = '';
let searched = form.q.value.trim(); // what the customers shown were searched by: theirs are too many to ask for all the time

function card(label, page, id, name, line, unread) {
  const box = el('input', { type: 'checkbox', name: 'ids', value: id, form: 'together', checked: chosen.has(id) });
  return el('li', { class: 'pick' }, el('label', { class: 'pick-box' }, box, el('span', { class: 'sr' }, `并排打开${name}的手机`)),
    el('a', { class: 'card', href: `http://${label}.localhost${port}/${page}`, 'data-userid': id },
      avatar(name, id), el('span', { class: 'who' }, el('strong', null, name), el('span', { class: 'faint' }, line)), count(unread)));
}

const memberCard = person => card(person.label, 'phone', person.userid, person.name, [person.department, person.position].filter(Boolean).join(' · '), person.unread);
const customerCard = one => card(one.label, 'customer', one.external_userid, one.name, one.members || '还没有加过导购', 0);

async function refresh() {
  const search = form.q.value.trim();
  try {
    const [{ people }, { now_ms: nowMs }] = await Promise.all([ask(`/people?q=${encodeURIComponent(search)}`), ask('/time')]);
    if (!bar.travelling) bar.set(nowMs);
    if (search !== searched) await findCustomers(search);
    const state = JSON.stringify(people);
    if (state === shown || search !== form.q.value.trim()) return;
    shown = state;
    const focused = document.activeElement && (document.activeElement.href || document.activeElement.value);
    cards.replaceChildren(...people.map(memberCard));
    refocus(focused);
    none.hidden = people.length > 0;
    none.textContent = search ? '没有找到。' : '还没有同事：店伴启动后会把他们放进来。';
  } catch (error) {
    bar.say(error.message, true);
  }
}

async function findCustomers(search) {
  const { customers } = await ask(`/customers?q=${encodeURIComponent(search)}`);
  if (search !== form.q.value.trim()) return;
  searched = search;
  customerCards.replaceChildren(...customers.map(customerCard));
}

function refocus(focused) {
  if (!focused) return;
  const again = [...document.querySelectorAll('.pick a, .pick input')].find(node => (node.href || node.value) === focused);
  if (again) again.focus();
}

// Boxes come and go as one searches; who was chosen stays chosen.
function keepChosen({ target }) {
  if (target.name !== 'ids') return;
  if (target.checked && chosen.size === SIDE_BY_SIDE) { target.checked = false; return; }
  if (target.checked) chosen.add(target.value);
  else chosen.delete(target.value);
  showChosen();
}

function showChosen() {
  together.hidden = chosen.size === 0;
  together.querySelector('[data-open]').textContent = chosen.size === SIDE_BY_SIDE ? `并排打开（${chosen.size} 部，最多四部）` : `并排打开（${chosen.size} 部）`;
}

bar.resume();
const again = whileVisible(refresh, () => FRESH_MS);
let typed = 0;
form.q.addEventListener('input', () => { clearTimeout(typed); typed = setTimeout(again, 200); });
form.addEventListener('submit', event => { event.preventDefault(); again(); });
for (const box of document.querySelectorAll('[name="ids"]:checked')) chosen.add(box.value);
document.addEventListener('change', keepChosen);
together.addEventListener('submit', event => {
  event.preventDefault();
  location.href = `/phones?ids=${[...chosen].map(encodeURIComponent).join(',')}`;
});
newForm.addEventListener('submit', async event => {
  event.preventDefault();
  try {
    const { label } = await ask('/customers', { name: newForm.elements.name.value });
    location.href = `http://${label}.localhost${port}/customer`;
  } catch (error) { newSaid.textContent = error.message; }
});
showChosen();
