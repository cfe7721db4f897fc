// One phone: what is known, which screen is shown, what is new.
import { ask, whileVisible } from './api.js';
import { Bridge } from './bridge.js';
import { summaryOf } from './cards.js';
import { el, icon } from './dom.js';
import { asHour } from './format.js';
import { AppScreen, ChatScreen, drawContacts, drawMessages } from './screens.js';
import { TravelBar } from './travel.js';
import { Webview } from './webview.js';

const FEED_MS = 1500;
const FEED_TRAVELLING_MS = 700;
const BANNER_MS = 6000;

const stage = document.querySelector('[data-stage]');
const bar = new TravelBar(document.querySelector('[data-travel]'));
const webview = new Webview(stage);

const phone = {
  appName: stage.dataset.appName,
  messages: [],
  chats: [],
  unread: 0,
  get nowMs() { return bar.nowMs; },
  openPage(url) { if (!webview.openPage(url)) bar.say('沙箱里只能打开店伴自己的页面', true); },
  showToolbar() { webview.openToolbar(current.contact); webview.show(); },
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

async function route() {
  const [name, id] = location.hash.slice(1).split('/');
  tabs.hidden = name === 'app' || name === 'chat';
  for (const tab of tabs.querySelectorAll('a')) {
    if (tab.dataset.tab === (name === 'contacts' ? 'contacts' : 'messages')) tab.setAttribute('aria-current', 'page');
    else tab.removeAttribute('aria-current');
  }
  current = null;
  webview.hide();
  if (name !== 'chat') webview.leaveChat();
  banner.replaceChildren();
  if (name === 'chat') await quietly(() => openChat(decodeURIComponent(id)));
  else if (name === 'app') current = new AppScreen(screen, phone);
  else if (name === 'contacts') drawContacts(screen);
  else { listState = ''; drawList(); }
}

async function openChat(id) {
  const contact = await ask(`/phone/chats/${encodeURIComponent(id)}`);
  current = new ChatScreen(screen, phone, contact);
  webview.openToolbar(contact);
  await refresh();
}

function drawList() {
  const hash = location.hash.slice(1);
  if (hash && hash !== 'messages') return;
  const state = JSON.stringify([phone.messages.length, phone.unread, phone.chats]);
  if (state === listState) return;
  listState = state;
  drawMessages(screen, phone);
}

async function refresh() {
  const shown = current;
  const chat = shown instanceof ChatScreen ? `&chat=${encodeURIComponent(shown.contact.external_userid)}&chat_after=${shown.after}` : '';
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
  phone.chats = feed.chats;
  phone.unread = current instanceof AppScreen ? 0 : feed.unread;
  const total = phone.unread + phone.chats.reduce((sum, chat) => sum + chat.unread, 0);
  const badge = tabs.querySelector('[data-total]');
  badge.hidden = total === 0;
  badge.replaceChildren(String(total), el('span', { class: 'sr' }, ' 条未读'));
  if (fresh.length && !first && !(current instanceof AppScreen)) announce(fresh[fresh.length - 1]);
  first = false;
}

let bannerTimer = 0;
function announce(message) {
  clearTimeout(bannerTimer);
  const picture = el('span', { class: 'avatar tint-1', 'aria-hidden': 'true' }, icon('app'));
  banner.replaceChildren(el('a', { href: '#app' }, picture, el('span', { class: 'who' }, el('strong', null, phone.appName), el('span', { class: 'faint' }, summaryOf(message)))));
  bannerTimer = setTimeout(() => banner.replaceChildren(), BANNER_MS);
}

function keepWidth() {
  const input = stage.querySelector('[data-width]');
  const shown = stage.querySelector('[data-width-shown]');
  input.addEventListener('input', () => {
    stage.style.setProperty('--side', `${input.value}px`);
    shown.textContent = input.value;
  });
}

const hour = stage.querySelector('[data-hour]');
bar.onTick(nowMs => { hour.textContent = asHour(nowMs); });
new Bridge(webview, phone);
keepWidth();
addEventListener('hashchange', route);
bar.resume();
const again = whileVisible(refresh, () => (bar.travelling ? FEED_TRAVELLING_MS : FEED_MS));
again().then(route);
