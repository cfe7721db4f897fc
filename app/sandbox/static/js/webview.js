// The phone's webview: the frame beside the phone, and in which context it was opened.
import { el } from './dom.js';

// As a webview does, it keeps the page from leaving its frame.
const ALLOWED = 'allow-scripts allow-same-origin allow-forms allow-popups allow-modals allow-downloads';

export class Webview {
  constructor(stage) {
    this.stage = stage;
    this.home = stage.querySelector('[data-frame-home]');
    this.empty = stage.querySelector('[data-side-empty]');
    this.title = stage.querySelector('[data-side-title]');
    this.note = stage.querySelector('[data-side-note]');
    this.origin = stage.dataset.toolbarOrigin;
    this.bareOrigins = stage.dataset.bareOrigins.split(' ');
    this.frame = null;
    this.context = null;
    stage.querySelector('[data-side-close]').addEventListener('click', () => this.hide());
    stage.querySelector('[data-side-reload]').addEventListener('click', () => { if (this.context) this.load(this.url, this.context); });
  }

  // The toolbar in a chat's sidebar.
  openToolbar(contact) {
    const now = this.context;
    if (now && now.entry === 'single_chat_tools' && now.externalUserId === contact.external_userid) return;
    this.say('聊天工具栏', contact.name);
    this.load(this.stage.dataset.toolbarUrl, { entry: 'single_chat_tools', externalUserId: contact.external_userid });
  }

  // A page opened from a message. Returns false when it is no page of the app.
  openPage(url, title = '应用页面', note = '从消息打开') {
    const own = this.onThisPhone(url);
    if (own === null) return false;
    this.say(title, note);
    this.load(own, { entry: 'normal' });
    this.show();
    return true;
  }

  // The app's address on this phone's own host, where its cookies are; null for another site.
  onThisPhone(url) {
    let parsed;
    try { parsed = new URL(url); } catch (_) { return null; }
    if (parsed.origin === this.origin) return url;
    return this.bareOrigins.includes(parsed.origin) ? this.origin + url.slice(parsed.origin.length) : null;
  }

  load(url, context) {
    this.clear();
    this.url = url;
    this.context = context;
    this.frame = el('iframe', { src: url, title: this.title.textContent, sandbox: ALLOWED, allow: `camera ${this.origin}; clipboard-write ${this.origin}` });
    this.home.append(this.frame);
    this.empty.hidden = true;
  }

  // Leaving a chat closes its toolbar: it must not send into a chat that is not open.
  leaveChat() {
    if (this.context && this.context.externalUserId) { this.clear(); this.say('聊天工具栏', ''); }
  }

  clear() {
    if (this.frame) this.frame.remove();
    this.frame = this.context = null;
    this.empty.hidden = false;
  }

  say(title, note) {
    this.title.textContent = title;
    this.note.textContent = note;
  }

  // The width is moved by hand, to see a page narrow and wide.
  keepWidth() {
    const input = this.stage.querySelector('[data-width]');
    const shown = this.stage.querySelector('[data-width-shown]');
    input.addEventListener('input', () => {
      this.stage.style.setProperty('--side', `${input.value}px`);
      shown.textContent = input.value;
    });
  }

  show() { this.stage.classList.add('show-side'); }

  hide() { this.stage.classList.remove('show-side'); }
}
