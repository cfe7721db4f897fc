// An app message as WeCom shows it: text, text card, news, the five kinds of template cards, or that it was recalled.
import { cardForm, cardMenu } from './card_forms.js';
import { el, icon } from './dom.js';

const KINDS = { text: plain, markdown: plain, textcard: textCard, news, template_card: templateCard, recalled };

// `phone` opens pages (`openPage(url)`) and presses buttons (`press(message, key, selected)`).
export function messageCard(message, phone) {
  const draw = KINDS[message.msgtype] || (() => el('div', { class: 'app-card plain' }, `[${message.msgtype}]`));
  return draw(message.body, url => phone.openPage(url), (key, selected) => phone.press(message, key, selected));
}

export function summaryOf({ msgtype, body }) {
  if (msgtype === 'recalled') return '撤回了一条消息';
  const title = body.main_title || {};
  return body.title || title.title || body.sub_title_text || body.content || (body.articles && body.articles[0].title) || `[${msgtype}]`;
}

function recalled() {
  return el('p', { class: 'recalled' }, '应用撤回了一条消息');
}

function opener(text, url, open) {
  return el('button', { class: 'open', type: 'button', onclick: () => open(url) }, text, icon('next'));
}

function plain(body, open) {
  return el('div', { class: 'app-card plain' }, linked(body.content, open));
}

// WeCom lets a text carry <a href="…">…</a> and nothing else.
function linked(text, open) {
  const parts = [];
  let last = 0;
  for (const found of text.matchAll(/<a\s+href="([^"]+)"[^>]*>([^<]*)<\/a>/g)) {
    parts.push(text.slice(last, found.index), el('button', { class: 'linklike', type: 'button', onclick: () => open(found[1]) }, found[2]));
    last = found.index + found[0].length;
  }
  return [...parts, text.slice(last)];
}

// A text card's description may use div classes gray, highlight and normal.
function description(text) {
  const box = el('div', { class: 'body' });
  let last = 0;
  for (const found of text.matchAll(/<div\s+class="(gray|highlight|normal)">([\s\S]*?)<\/div>/g)) {
    box.append(unescaped(text.slice(last, found.index)), el('div', { class: found[1] }, unescaped(found[2])));
    last = found.index + found[0].length;
  }
  box.append(unescaped(text.slice(last)));
  return box;
}

const unescaped = text => text.replace(/<br\s*\/?>/g, '\n').replace(/<\/?div[^>]*>/g, '');

function textCard(body, open) {
  return el('article', { class: 'app-card' }, el('h3', null, body.title), description(body.description), opener(body.btntxt || '详情', body.url, open));
}

function news(body, open) {
  return el('article', { class: 'app-card' }, body.articles.map(article => [
    el('h3', null, article.title), article.description ? el('div', { class: 'body' }, article.description) : null, opener('阅读全文', article.url, open)]).flat());
}

function templateCard(body, open, press) {
  const title = body.main_title || {};
  const action = body.card_action || {};
  return el('article', { class: 'app-card', 'data-card': body.card_type },
    el('div', { class: 'head' }, el('div', null,
      body.source && body.source.desc ? el('div', { class: 'source' }, body.source.desc) : null,
      title.title ? el('h3', null, title.title) : null), cardMenu(body, press)),
    title.desc ? el('div', { class: 'body' }, title.desc) : null,
    // The policy of these pages fetches no picture from elsewhere: its place is shown.
    body.card_image ? el('div', { class: 'picture', role: 'img', 'aria-label': '卡片图片' }, '图片') : null,
    body.image_text_area ? el('div', { class: 'quote' }, [body.image_text_area.title, body.image_text_area.desc].filter(Boolean).join('\n')) : null,
    emphasis(body.emphasis_content),
    body.quote_area ? el('div', { class: 'quote' }, [body.quote_area.title, body.quote_area.quote_text].filter(Boolean).join('\n')) : null,
    body.sub_title_text ? el('div', { class: 'body' }, body.sub_title_text) : null,
    rows(body.horizontal_content_list, open),
    (body.vertical_content_list || []).map(item => [el('h3', null, item.title || ''), el('div', { class: 'body' }, item.desc || '')]).flat(),
    cardForm(body, press, open),
    (body.jump_list || []).map(jump => (jump.type === 1 ? opener(jump.title, jump.url, open) : el('div', { class: 'open' }, jump.title))),
    action.url ? opener('查看详情', action.url, open) : null);
}

function emphasis(content) {
  return content ? el('div', { class: 'big' }, el('strong', null, content.title || ''), el('span', { class: 'faint' }, content.desc || '')) : null;
}

function rows(list, open) {
  if (!list || !list.length) return null;
  return el('dl', null, list.map(row => [el('dt', null, row.keyname),
    el('dd', null, row.type === 1 ? el('button', { class: 'linklike', type: 'button', onclick: () => open(row.url) }, row.value || row.url) : row.value || row.userid || '')]).flat());
}
