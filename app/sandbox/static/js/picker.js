// Choosing a customer by name: one the corp knows, or a new person.
import { ask } from './api.js';
import { el } from './dom.js';

const SHOWN = 6;

// `chosen()` is an external_userid, or what was typed as the name of somebody new.
export function customerPicker() {
  const input = el('input', { autocomplete: 'off', placeholder: '名字' });
  const picks = el('div', { class: 'picks', role: 'group', 'aria-label': '是谁' });
  let id = null;
  let asked = 0;
  const choose = (value, button) => {
    id = value;
    for (const other of picks.children) other.setAttribute('aria-pressed', String(other === button));
  };
  const pick = (text, value, pressed) => {
    const button = el('button', { class: 'button', type: 'button', 'aria-pressed': String(pressed), onclick: () => choose(value, button) }, text);
    return button;
  };
  const load = async () => {
    const turn = ++asked;
    const name = input.value.trim();
    id = null;
    let customers = [];
    try { ({ customers } = await ask(`/customers?q=${encodeURIComponent(name)}`)); } catch (_) { /* a new person then */ }
    if (turn !== asked) return;
    picks.replaceChildren(...(name ? [pick(`新顾客 ${name}`, null, true)] : []), ...customers.slice(0, SHOWN).map(one => pick(one.members ? `${one.name}（${one.members}）` : one.name, one.external_userid, false)));
  };
  let typed = 0;
  input.addEventListener('input', () => { clearTimeout(typed); typed = setTimeout(load, 200); });
  load();
  return { node: el('div', null, el('label', { class: 'field' }, el('span', null, '顾客'), input), picks), chosen: () => id || input.value.trim() };
}
