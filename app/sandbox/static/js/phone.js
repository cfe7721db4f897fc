// One phone: what is known, which screen is shown, what is new.
import { ask, whileVisible } from './api.js';
import { Bridge } from './bridge.js';
import { summaryOf } from './cards.js';
import { ChatScreen } from './chat.js';
import { el, icon } from './dom.js';
import { asHour } from './format.js';
import { head, notice } from './parts.js';
import { AppScreen, drawContacts, drawCustomer, drawMessages } from './screens.js';
import { TravelBar } from './travel.js';
import { Webview } from './webview.js';
import { drawAdd, drawMembersScan, drawMoments, drawNewcomers, drawSends, drawWork } from './work.js';

const FEED_MS = 1500;
const FEED_TRAVELLING_MS = 700;
const BANNER_MS = 6000;

const stage = document.querySelector('[data-stage]');
const bar = new TravelBar(document.querySelector('[data-travel]'));
const webview = new Webview(stage);

const phone = {
  appName: stage.dataset.appName,
  userid: stage.dataset.userid,
  messages: [],
  chats: [],
  unread: 0,
  waiting: { newcomers: 0, sends: 0, moments: 0 },
  get nowMs() { return bar.nowMs; },
  openPage(url) { if (!webview.openPage(url)) bar.say('沙箱里只能打开店伴自己的页面', true); },
  opens: url => webview.onThisPhone(url) !== null,
  customerUrl: label => `${location.protocol}//${label}.${location.host.split('.').slice(1).join('.')}/customer`,
  press: (message, key, selected) => ask(`/phone/messages/${message.id}/press`, { event_key: key, selected }),
  showToolbar() { webview.openToolbar(current.chat.contact); webview.show(); },
  closeWebview() { webview.hide(); },
  openChat(externalUserId) {
    webview.hide();
    const wanted = `#chat/${externalUserId}`;
    if (location.hash === wanted) route(); else location.hash = wanted;
  },
  sent(params) { if (params.enterChat) webview.hide(); refresh(); },
  refresh: () => refresh(),
  async readMessages() { phone.unread = 0; await quietly(() => ask('/phone/read', {})); },
  async readChat(id) { await quietly(() => ask(`/phone/chats/${encodeURIComponent(id)}/read`, {})); },
};

let current = null;   // the app's conversation or a chat, when one is open
let listState = '';   // what the list of messages last showed
let first = true;
const screen = stage.querySelector('[data-screen]');
const tabs = stage.querySelector('[data-tabs]');
const banner = stage.querySelector('[data-banner]');

async function quietly(work) {
  try { await work(); } catch (error) { bar.say(error.message, true); }
}

// Which tab a screen belongs to, and how it is drawn; conversations have no tabs.
const SCREENS = {
  app: [null, () => { current = new AppScreen(screen, phone); }],
  chat: [null, id => openChat(id)],
  customer: [null, id => drawCustomer(screen, id)],
  contacts: ['contacts', () => drawContacts(screen, phone)],
  newcomers: ['contacts', () => drawNewcomers(screen)],
  add: ['contacts', () => drawAdd(screen)],
  work: ['work', () => drawWork(screen, phone)],
  sends: ['work', () => drawSends(screen, phone)],
  moments: ['work', () => drawMoments(screen, phone)],
  scan: ['work', () => drawMembersScan(screen, phone)],
  messages: ['messages', () => { listState = ''; drawList(); }],
};

async function route() {
  const [name, id] = location.hash.slice(1).split('/');
  const [tab, draw] = SCREENS[name] || SCREENS.messages;
  tabs.hidden = tab === null;
  for (const link of tabs.querySelectorAll('a')) {
    if (link.dataset.tab === tab) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  current = null;
  webview.hide();
  if (name !== 'chat') webview.leaveChat();
  banner.replaceChildren();
  const asked = location.hash;
  try { await draw(id === undefined ? '' : decodeURIComponent(id)); } catch (error) { if (location.hash === asked) drawRefused(name, error.message); }
}

// Why a screen cannot be shown, such as a chat that another member has taken over, with a way out.
function drawRefused(name, why) {
  webview.leaveChat();
  screen.replaceChildren(head({ chat: '聊天', customer: '客户资料' }[name] || '打不开', '#messages'), notice(why));
}

async function openChat(id) {
  const contact = await ask(`/phone/chats/${encodeURIComponent(id)}`);
  current = new ChatScreen(screen, phone, {
    id,
    contact,
    name: contact.name,
    note: '@微信',
    me: 'associate',
    back: '#messages',
    end: el('a', { class: 'icon-button', href: `#customer/${id}`, 'aria-label': '客户资料' }, icon('dots')),
    tabs: el('div', { class: 'chat-tabs' }, el('span', { 'aria-current': 'true' }, '聊天'), el('button', { type: 'button', onclick: () => phone.showToolbar() }, '工具栏')),
    buttons: [['客户说', 'customer', '以客户的身份说这句话']],
    say: (from, message) => ask(`/phone/chats/${encodeURIComponent(id)}`, { from, ...message }),
    read: () => phone.readChat(id),
  });
  webview.openToolbar(contact);
  await refresh();
}

function drawList() {
  const hash = location.hash.slice(1);
  if (hash && hash !== 'messages') return;
  const last = phone.messages[phone.messages.length - 1];
  const state = JSON.stringify([phone.messages.length, last && last.version, phone.unread, phone.chats]);
  if (state === listState) return;
  listState = state;
  drawMessages(screen, phone);
}

async function refresh() {
  const shown = current;
  const chat = shown instanceof ChatScreen ? `&chat=${encodeURIComponent(shown.chat.id)}&chat_after=${shown.after}` : '';
  const last = phone.messages.length ? phone.messages[phone.messages.length - 1].id : 0;
  await quietly(async () => {
    const feed = await ask(`/phone/feed?after=${last}${chat}`);
    if (!bar.travelling || bar.nowMs === undefined) bar.set(feed.now_ms);
    take(feed);
    if (shown === current && shown instanceof ChatScreen) shown.update(feed.chat);
    if (shown === current && shown instanceof AppScreen) shown.update();
    drawList();
  });
}

function take(feed) {
  const known = phone.messages.length ? phone.messages[phone.messages.length - 1].id : 0;
  const fresh = feed.messages.filter(message => message.id > known);
  phone.messages.push(...fresh);
  for (const revised of feed.revised) {
    const at = phone.messages.findIndex(message => message.id === revised.id);
    if (at >= 0) phone.messages[at] = revised;
  }
  phone.chats = feed.chats;
  phone.unread = current instanceof AppScreen ? 0 : feed.unread;
  const changed = JSON.stringify(phone.waiting) !== JSON.stringify(feed.waiting);
  phone.waiting = feed.waiting;
  mark('messages', phone.unread + phone.chats.reduce((sum, chat) => sum + chat.unread, 0), '条未读');
  mark('contacts', feed.waiting.newcomers, '位等你通过');
  mark('work', feed.waiting.sends + feed.waiting.moments, '件等你确认');
  if (changed && location.hash === '#work') drawWork(screen, phone);
  if (fresh.length && !first && !(current instanceof AppScreen)) announce(fresh[fresh.length - 1]);
  first = false;
}

function mark(tab, number, what) {
  const badge = tabs.querySelector(`[data-count="${tab}"]`);
  badge.hidden = number === 0;
  badge.replaceChildren(String(number), el('span', { class: 'sr' }, ` ${what}`));
}

let bannerTimer = 0;
function announce(message) {
  clearTimeout(bannerTimer);
  const picture = el('span', { class: 'avatar tint-1', 'aria-hidden': 'true' }, icon('app'));
  banner.replaceChildren(el('a', { href: '#app' }, picture, el('span', { class: 'who' }, el('strong', null, phone.appName), el('span', { class: 'faint' }, summaryOf(message)))));
  bannerTimer = setTimeout(() => banner.replaceChildren(), BANNER_MS);
}

const hour = stage.querySelector('[data-hour]');
bar.onTick(nowMs => { hour.textContent = asHour(nowMs); });
new Bridge(webview, phone);
webview.keepWidth();
addEventListener('hashchange', route);
bar.resume();
const again = whileVisible(refresh, () => (bar.travelling ? FEED_TRAVELLING_MS : FEED_MS));
again().then(route);
