// A member's screens for messages and customers. Each draws itself into `screen`.
import { ask } from './api.js';
import { messageCard, summaryOf } from './cards.js';
import { avatar, count, el, icon } from './dom.js';
import { asStamp } from './format.js';
import { appendTo, head, log, notice, picture, risky, row, scroll, status } from './parts.js';

const STAGES = { half: '对方已添加你，等你通过', one_way: '对方已删除你' };

export function drawMessages(screen, phone) {
  const last = phone.messages[phone.messages.length - 1];
  const stamp = ms => el('time', null, asStamp(ms, phone.nowMs));
  screen.replaceChildren(head('消息'), scroll('消息',
    row('#app', picture('app', 1), phone.appName, last ? summaryOf(last) : '还没有消息', [last ? stamp(last.sent_ms) : null, count(phone.unread)]),
    phone.chats.map(chat => row(`#chat/${chat.external_userid}`, avatar(chat.name, chat.external_userid), chat.name, chat.last, [stamp(chat.sent_ms), count(chat.unread)]))));
}

export function drawContacts(screen, phone) {
  const list = el('div', null);
  const input = el('input', { type: 'search', placeholder: '查找客户', 'aria-label': '查找客户', autocomplete: 'off' });
  let asked = 0;
  const load = async offset => {
    const turn = ++asked;
    try {
      const { contacts, total } = await ask(`/phone/contacts?offset=${offset}&q=${encodeURIComponent(input.value)}`);
      if (turn !== asked) return;
      const rows = contacts.map(contact => row(`#chat/${contact.external_userid}`, avatar(contact.name, contact.external_userid), contact.name, contact.nickname === contact.name ? '@微信' : `昵称 ${contact.nickname} @微信`));
      const old = list.querySelector('.more');
      if (old) old.remove();
      if (offset === 0) list.replaceChildren();
      list.append(...rows);
      const next = offset + contacts.length;
      if (next < total) list.append(el('button', { class: 'button more', type: 'button', onclick: () => load(next) }, `再看一些（还有 ${total - next} 位）`));
      if (total === 0) list.append(notice(input.value ? '没有找到这位客户' : '还没有客户'));
    } catch (error) {
      list.replaceChildren(notice(error.message));
    }
  };
  let typed = 0;
  input.addEventListener('input', () => { clearTimeout(typed); typed = setTimeout(() => load(0), 200); });
  const add = el('a', { class: 'icon-button', href: '#add', 'aria-label': '添加客户' }, icon('add'));
  screen.replaceChildren(head('客户', null, { end: add }), scroll('客户', el('div', { class: 'find' }, input),
    row('#newcomers', picture('add', 2), '新的客户', '好友申请，和已添加你的人', count(phone.waiting.newcomers)), list));
  load(0);
}

export class AppScreen {
  constructor(screen, phone) {
    this.phone = phone;
    this.drawn = 0;
    this.shown = new Map();
    this.list = log(`${phone.appName}的消息`);
    this.list.append(notice('还没有消息。到点的跟进会推送到这里。'));
    screen.replaceChildren(head(phone.appName, '#messages'), this.list);
    this.update();
  }

  update() {
    this.revise();
    const fresh = this.phone.messages.filter(message => message.id > this.drawn);
    if (!fresh.length) return;
    this.drawn = fresh[fresh.length - 1].id;
    appendTo(this.list, fresh.map(message => [el('time', { class: 'when' }, asStamp(message.sent_ms, this.phone.nowMs)), this.draw(message)]).flat());
    this.phone.readMessages();
  }

  draw(message) {
    const node = messageCard(message, this.phone);
    this.shown.set(message.id, { node, version: message.version });
    return node;
  }

  // A card that was replaced or recalled changes where it stands.
  revise() {
    for (const message of this.phone.messages) {
      const shown = this.shown.get(message.id);
      if (shown && shown.version !== message.version) shown.node.replaceWith(this.draw(message));
    }
  }
}

// Who a customer is, and how to part from them.
export async function drawCustomer(screen, id) {
  const path = `/phone/customers/${encodeURIComponent(id)}`;
  const [contact, { phone_url: phoneUrl }] = await Promise.all([ask(`/phone/chats/${encodeURIComponent(id)}`), ask(path)]);
  const said = status();
  const part = what => async () => { await ask(`${path}/${what}`, {}); location.hash = '#contacts'; };
  screen.replaceChildren(head('客户资料', `#chat/${id}`), scroll('客户资料',
    el('section', { class: 'panel' }, el('h3', null, contact.name),
      el('p', { class: 'faint' }, `昵称 ${contact.nickname} @微信`),
      STAGES[contact.stage] ? el('p', null, STAGES[contact.stage]) : null,
      el('p', null, el('a', { href: phoneUrl, target: '_blank', rel: 'noopener' }, '打开这位顾客的手机')),
      el('div', { class: 'buttons' }, contact.stage === 'half' ? el('a', { class: 'button', href: '#newcomers' }, '去通过') : null,
        risky('删除客户', '再点一次就删除', part('delete'), said),
        contact.stage === 'one_way' ? null : risky('被客户删除', '再点一次，客户删除我', part('leave'), said)), said.node)));
}
