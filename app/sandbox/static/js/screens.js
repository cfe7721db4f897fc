// The phone's screens: messages, contacts, the app's conversation, a chat. Each draws itself into `screen`.
import { ask } from './api.js';
import { messageCard, summaryOf } from './cards.js';
import { avatar, count, el, icon } from './dom.js';
import { asStamp } from './format.js';

const PAUSE_MS = 5 * 60 * 1000;

function head(title, back, note) {
  return el('header', { class: 'screen-head' },
    back ? el('a', { class: 'icon-button', href: back, 'aria-label': '返回' }, icon('back')) : el('span', { class: 'gap' }),
    el('h2', null, title, note ? el('span', { class: 'faint' }, ` ${note}`) : null), el('span', { class: 'gap' }));
}

function row(href, picture, name, line, end) {
  return el('a', { class: 'row', href }, picture, el('span', { class: 'who' }, el('strong', null, name), el('span', { class: 'faint' }, line)), el('span', { class: 'end' }, end));
}

const appPicture = () => el('span', { class: 'avatar tint-1', 'aria-hidden': 'true' }, icon('app'));

export function drawMessages(screen, phone) {
  const last = phone.messages[phone.messages.length - 1];
  const stamp = ms => el('time', null, asStamp(ms, phone.nowMs));
  const list = el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': '消息' },
    row('#app', appPicture(), phone.appName, last ? summaryOf(last) : '还没有消息', [last ? stamp(last.sent_ms) : null, count(phone.unread)]),
    phone.chats.map(chat => row(`#chat/${chat.external_userid}`, avatar(chat.name, chat.external_userid), chat.name, chat.last, [stamp(chat.sent_ms), count(chat.unread)])));
  screen.replaceChildren(head('消息'), list);
}

export function drawContacts(screen) {
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
      if (total === 0) list.append(el('p', { class: 'notice faint' }, input.value ? '没有找到这位客户' : '还没有客户'));
    } catch (error) {
      list.replaceChildren(el('p', { class: 'notice faint' }, error.message));
    }
  };
  let typed = 0;
  input.addEventListener('input', () => { clearTimeout(typed); typed = setTimeout(() => load(0), 200); });
  screen.replaceChildren(head('客户'), el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': '客户' }, el('div', { class: 'find' }, input), list));
  load(0);
}

function log(label) {
  return el('div', { class: 'scroll log', tabindex: '0', role: 'log', 'aria-label': label });
}

// Keeps the end in sight, unless one has scrolled up to read.
function appendTo(list, nodes) {
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const empty = list.querySelector('.notice');
  if (empty && nodes.length) empty.remove();
  list.append(...nodes);
  if (atEnd) list.scrollTop = list.scrollHeight;
}

export class AppScreen {
  constructor(screen, phone) {
    this.phone = phone;
    this.drawn = 0;
    this.list = log(`${phone.appName}的消息`);
    this.list.append(el('p', { class: 'notice faint' }, '还没有消息。到点的跟进会推送到这里。'));
    screen.replaceChildren(head(phone.appName, '#messages'), this.list);
    this.update();
  }

  update() {
    const fresh = this.phone.messages.filter(message => message.id > this.drawn);
    if (!fresh.length) return;
    this.drawn = fresh[fresh.length - 1].id;
    appendTo(this.list, fresh.map(message => [el('time', { class: 'when' }, asStamp(message.sent_ms, this.phone.nowMs)), messageCard(message, url => this.phone.openPage(url))]).flat());
    this.phone.readMessages();
  }
}

export class ChatScreen {
  constructor(screen, phone, contact) {
    this.phone = phone;
    this.contact = contact;
    this.after = 0;
    this.stampedMs = 0;
    this.list = log(`与${contact.name}的聊天`);
    this.list.append(el('p', { class: 'notice faint' }, '还没有聊过。'));
    this.said = el('p', { class: 'composer-said', role: 'status' });
    screen.replaceChildren(head(contact.name, '#messages', '@微信'), this.tabs(), this.list, this.said, this.composer());
  }

  tabs() {
    return el('div', { class: 'chat-tabs' }, el('span', { 'aria-current': 'true' }, '聊天'),
      el('button', { type: 'button', onclick: () => this.phone.showToolbar() }, '工具栏'));
  }

  composer() {
    const input = el('input', { 'aria-label': '说点什么', placeholder: '说点什么', autocomplete: 'off', maxlength: '2000' });
    const say = from => async () => {
      const content = input.value.trim();
      if (!content) { input.focus(); return; }
      try {
        await ask(`/phone/chats/${encodeURIComponent(this.contact.external_userid)}`, { from, msgtype: 'text', text: { content } });
        input.value = '';
        this.said.textContent = '';
        this.phone.refresh();
      } catch (error) { this.said.textContent = error.message; }
    };
    const form = el('form', { class: 'composer' }, input, el('button', { class: 'button strong' }, '发送'),
      el('button', { class: 'button', type: 'button', title: '以客户的身份说这句话', onclick: say('customer') }, '客户说'));
    form.addEventListener('submit', event => { event.preventDefault(); say('associate')(); });
    return form;
  }

  update(messages) {
    const fresh = messages.filter(message => message.id > this.after);
    if (!fresh.length) return;
    this.after = fresh[fresh.length - 1].id;
    appendTo(this.list, fresh.map(message => [this.stamp(message.sent_ms), this.bubble(message)]).flat().filter(Boolean));
    this.phone.readChat(this.contact.external_userid);
  }

  // A time only after a pause, as WeCom does.
  stamp(ms) {
    if (ms - this.stampedMs < PAUSE_MS) return null;
    this.stampedMs = ms;
    return el('time', { class: 'when' }, asStamp(ms, this.phone.nowMs));
  }

  bubble(message) {
    const mine = message.from === 'associate';
    const picture = mine ? el('span', { class: 'avatar tint-0', 'aria-hidden': 'true' }, '我') : avatar(this.contact.name, this.contact.external_userid);
    return el('div', { class: mine ? 'said mine' : 'said' }, picture,
      el('div', { class: 'bubble' }, el('span', { class: 'sr' }, mine ? '我：' : `${this.contact.name}：`), ...bubbleContent(message)));
  }
}

function bubbleContent({ msgtype, body }) {
  if (msgtype === 'text') return [body.content];
  if (msgtype === 'news') return [el('span', { class: 'title' }, body.title || body.link), body.desc || ''];
  return [{ image: '[图片]', video: '[视频]', file: '[文件]', miniprogram: `[小程序] ${body.title || ''}` }[msgtype] || `[${msgtype}]`];
}
