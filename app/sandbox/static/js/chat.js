// A conversation between a member and a customer, seen from either side.
import { avatar, el } from './dom.js';
import { asStamp } from './format.js';
import { appendTo, head, log } from './parts.js';

const PAUSE_MS = 5 * 60 * 1000;
const NOT_DELIVERED = '对方已开启好友验证，你还不是对方的好友，这条消息没有送达。';

export class ChatScreen {
  // `chat`: { id, name, note, me: 'associate' | 'customer', back, end, tabs, buttons: [[text, from, title]], say(from, content) }.
  constructor(screen, phone, chat) {
    this.phone = phone;
    this.chat = chat;
    this.after = 0;
    this.stampedMs = 0;
    this.list = log(`与${chat.name}的聊天`);
    this.list.append(el('p', { class: 'notice faint' }, '还没有聊过。'));
    this.said = el('p', { class: 'composer-said', role: 'status' });
    screen.replaceChildren(...[head(chat.name, chat.back, { note: chat.note, end: chat.end }), chat.tabs, this.list, this.said, this.composer()].filter(Boolean));
  }

  composer() {
    const input = el('input', { 'aria-label': '说点什么', placeholder: '说点什么', autocomplete: 'off', maxlength: '2000' });
    const say = from => async () => {
      const content = input.value.trim();
      if (!content) { input.focus(); return; }
      try {
        await this.chat.say(from, { msgtype: 'text', text: { content } });
        input.value = '';
        this.said.textContent = '';
        this.phone.refresh();
      } catch (error) { this.said.textContent = error.message; }
    };
    const others = (this.chat.buttons || []).map(([text, from, title]) => el('button', { class: 'button', type: 'button', title, onclick: say(from) }, text));
    const form = el('form', { class: 'composer' }, input, el('button', { class: 'button strong' }, '发送'), others);
    form.addEventListener('submit', event => { event.preventDefault(); say(this.chat.me)(); });
    return form;
  }

  update(messages) {
    const fresh = messages.filter(message => message.id > this.after);
    if (!fresh.length) return;
    this.after = fresh[fresh.length - 1].id;
    appendTo(this.list, fresh.map(message => [this.stamp(message.sent_ms), this.bubble(message), message.delivered ? null : el('p', { class: 'not-delivered' }, NOT_DELIVERED)]).flat().filter(Boolean));
    if (this.chat.read) this.chat.read();
  }

  // A time only after a pause, as WeCom does.
  stamp(ms) {
    if (ms - this.stampedMs < PAUSE_MS) return null;
    this.stampedMs = ms;
    return el('time', { class: 'when' }, asStamp(ms, this.phone.nowMs));
  }

  bubble(message) {
    const mine = message.from === this.chat.me;
    const face = mine ? el('span', { class: 'avatar tint-0', 'aria-hidden': 'true' }, '我') : avatar(this.chat.name, this.chat.id);
    return el('div', { class: mine ? 'said mine' : 'said' }, face,
      el('div', { class: 'bubble' }, el('span', { class: 'sr' }, mine ? '我：' : `${this.chat.name}：`), ...this.content(message)),
      message.delivered ? null : el('span', { class: 'failed' }, el('span', { 'aria-hidden': 'true' }, '!'), el('span', { class: 'sr' }, '未送达')));
  }

  content({ msgtype, body }) {
    if (msgtype === 'text') return [body.content];
    if (msgtype === 'news') {
      const title = body.title || body.link;
      const opens = body.link && this.phone.opens(body.link);
      return [opens ? el('button', { class: 'linklike title', type: 'button', onclick: () => this.phone.openPage(body.link) }, title) : el('span', { class: 'title' }, title), body.desc || ''];
    }
    return [{ image: '[图片]', video: '[视频]', file: '[文件]', miniprogram: `[小程序] ${body.title || ''}` }[msgtype] || `[${msgtype}]`];
  }
}
