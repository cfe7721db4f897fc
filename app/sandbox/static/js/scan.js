// 扫一扫: the contact ways with their codes, a field for a code's address, and what scanning one did.
import { ask } from './api.js';
import { el } from './dom.js';
import { head, notice, row, picture, scroll, status } from './parts.js';

// `options`: { back, before: nodes above, scan(code, half) → { said, href, link } }.
export function drawScan(screen, options) {
  const said = status();
  const result = el('div', null);
  const outcome = el('div', { class: 'outcome' }, said.node, result);
  const code = el('input', { autocomplete: 'off', placeholder: 'http://…', inputmode: 'url' });
  const half = el('input', { type: 'checkbox' });
  // What happened stands where one pressed: in the form or in the code's own row, which may be far down the list.
  const scan = async (value, place) => {
    result.replaceChildren();
    place.append(outcome);
    said.tell('正在扫…');
    try {
      const done = await options.scan(value, half.checked);
      said.tell(done.said);
      if (done.href) result.append(row(done.href, picture('chat', 1), done.link, done.line || '', []));
    } catch (error) { said.tell(error.message, true); }
    outcome.scrollIntoView({ block: 'nearest' });
  };
  const form = el('form', { class: 'panel' }, options.before,
    el('label', { class: 'field' }, el('span', null, '二维码的内容，也可以是网页地址'), code),
    el('label', { class: 'check' }, half, '对方还没有通过（先单向添加）'),
    el('div', { class: 'buttons' }, el('button', { class: 'button strong' }, '扫这个码')));
  form.addEventListener('submit', event => { event.preventDefault(); if (code.value.trim()) scan(code.value.trim(), form); else code.focus(); });
  const search = el('input', { type: 'search', placeholder: '查找渠道码', 'aria-label': '查找渠道码', autocomplete: 'off' });
  const list = el('ul', null);
  let asked = 0;
  const load = async () => {
    const turn = ++asked;
    try {
      const { ways } = await ask(`/ways?q=${encodeURIComponent(search.value)}`);
      if (turn === asked) list.replaceChildren(...(ways.length ? ways.map(way => wayRow(way, scan)) : [el('li', null, notice('还没有渠道码。店伴建好的码会列在这里。'))]));
    } catch (error) { list.replaceChildren(el('li', null, notice(error.message))); }
  };
  let typed = 0;
  search.addEventListener('input', () => { clearTimeout(typed); typed = setTimeout(load, 200); });
  screen.replaceChildren(head('扫一扫', options.back), scroll('扫一扫', form, el('div', { class: 'find' }, search), list));
  load();
}

function wayRow(way, scan) {
  const name = way.remark || way.state || way.members || way.config_id;
  const line = [way.members, way.state ? `渠道 ${way.state}` : '', way.asks_first ? '要通过' : '', way.temporary ? '临时会话' : ''].filter(Boolean).join(' · ');
  const item = el('li', { class: 'way' }, el('img', { src: `/qr/${encodeURIComponent(way.config_id)}`, alt: `${name}的二维码`, width: '72', height: '72', loading: 'lazy' }),
    el('span', { class: 'who' }, el('strong', null, name), el('span', { class: 'faint' }, line)),
    el('button', { class: 'button', type: 'button', 'aria-label': `扫${name}`, onclick: () => scan(way.config_id, item) }, '扫'));
  return item;
}
