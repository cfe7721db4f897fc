// What screens are made of: heads, rows, lists, panels.
import { el, icon } from './dom.js';

// `end` is a link or button at the right of the title.
export function head(title, back, { note, end } = {}) {
  return el('header', { class: 'screen-head' },
    back ? el('a', { class: 'icon-button', href: back, 'aria-label': '返回' }, icon('back')) : el('span', { class: 'gap' }),
    el('h2', null, title, note ? el('span', { class: 'faint' }, ` ${note}`) : null), end || el('span', { class: 'gap' }));
}

export function row(href, picture, name, line, end) {
  return el('a', { class: 'row', href }, picture, el('span', { class: 'who' }, el('strong', null, name), el('span', { class: 'faint' }, line)), el('span', { class: 'end' }, end));
}

export function picture(name, tint) {
  return el('span', { class: `avatar tint-${tint}`, 'aria-hidden': 'true' }, icon(name));
}

export function scroll(label, ...children) {
  return el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label }, ...children);
}

export function log(label) {
  return el('div', { class: 'scroll log', tabindex: '0', role: 'log', 'aria-label': label });
}

// Keeps the end in sight, unless one has scrolled up to read.
export function appendTo(list, nodes) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const empty = list.querySelector('.notice');
  if (empty && nodes.length) empty.remove();
  list.append(...nodes);
  if (atEnd) list.scrollTop = list.scrollHeight;
}

export function notice(text) {
  return el('p', { class: 'notice faint' }, text);
}

// A line that says how it went; `tell(text, wrong)` fills it.
export function status() {
  const node = el('p', { class: 'status', role: 'status' });
  return { node, tell(text, wrong = false) { node.textContent = text; node.classList.toggle('wrong', wrong); } };
}

// A button that works once at a time and says what went wrong.
export function action(text, work, said, attributes = {}) {
  const button = el('button', { class: 'button', type: 'button', ...attributes }, text);
  button.addEventListener('click', async () => {
    button.disabled = true;
    try { await work(); } catch (error) { said.tell(error.message, true); }
    button.disabled = false;
  });
  return button;
}

// A button that asks once more before it does what cannot be undone.
export function risky(text, question, work, said) {
  let sure = 0;
  const button = action(text, async () => {
    if (!sure) {
      button.textContent = question;
      sure = setTimeout(() => { sure = 0; button.textContent = text; }, 4000);
      return;
    }
    clearTimeout(sure);
    sure = 0;
    button.textContent = text;
    await work();
  }, said, { class: 'button danger' });
  return button;
}

// What came with a group send or a moment, in lines.
export function attached(attachments) {
  return (attachments || []).map(one => {
    const kinds = { image: '图片', video: '视频', file: '文件', link: '链接', miniprogram: '小程序' };
    const content = one[one.msgtype] || {};
    return el('div', { class: 'attached' }, `[${kinds[one.msgtype] || one.msgtype}] ${content.title || ''}`);
  });
}
