// A customer's phone: chats with members, moments, scanning.
import { ask, whileVisible } from './api.js';
import { ChatScreen } from './chat.js';
import { avatar, el, icon } from './dom.js';
import { asHour, asStamp } from './format.js';
import { action, attached, head, notice, picture, risky, row, scroll, status } from './parts.js';
import { drawScan } from './scan.js';
import { TravelBar } from './travel.js';
import { Webview } from './webview.js';

const FEED_MS = 1500;

const stage = document.querySelector('[data-stage]');
const bar = new TravelBar(document.querySelector('[data-travel]'));
const webview = new Webview(stage);
const screen = stage.querySelector('[data-screen]');
const tabs = stage.querySelector('[data-tabs]');

let current = null;   // the chat that is open
let shownState = '';  // what the list of chats last showed
const phone = {
  chats: [],
  offers: [],
  get nowMs() { return bar.nowMs; },
  opens: url => webview.onThisPhone(url) !== null,
  openPage(url) { if (!webview.openPage(url, '网页', '在微信中打开')) bar.say('沙箱里只能打开店伴自己的页面', true); },
  refresh: () => refresh(),
};

async function quietly(work) {
  try { await work(); } catch (error) { bar.say(error.message, true); }
}

function drawMessages() {
  const hash = location.hash.slice(1);
  if (hash && hash !== 'messages') return;
  const state = JSON.stringify([phone.chats, phone.offers]);
  if (state === shownState) return;
  shownState = state;
  const said = status();
  const refuse = offer => action('不接受', async () => { await ask(`/customer/offers/${encodeURIComponent(offer.takeover)}/refuse`, {}); await refresh(); }, said, { 'aria-label': `不接受${offer.takeover_name}` });
  screen.replaceChildren(head('微信', null, { end: el('a', { class: 'icon-button', href: '#add', 'aria-label': '添加导购' }, icon('add')) }), scroll('微信', said.node,
    phone.offers.map(offer => el('div', { class: 'offer' }, el('p', null, `服务升级：${offer.takeover_name} 将为你服务`), refuse(offer))),
    phone.chats.length ? phone.chats.map(chat => row(`#chat/${chat.userid}`, avatar(chat.name, chat.userid), chat.name, chat.last || `${chat.work} @企业微信`, [el('time', null, asStamp(chat.sent_ms, phone.nowMs))])) : notice('还没有加过导购。去“扫一扫”。')));
}

async function openChat(userid) {
  const member = phone.chats.find(chat => chat.userid.toLowerCase() === userid.toLowerCase());
  if (!member) { screen.replaceChildren(head('聊天', '#messages'), notice('你们还不是好友')); return; }
  current = new ChatScreen(screen, phone, {
    id: member.userid,
    name: member.name,
    note: '@企业微信',
    me: 'customer',
    back: '#messages',
    end: el('a', { class: 'icon-button', href: `#member/${member.userid}`, 'aria-label': '导购资料' }, icon('dots')),
    say: (_, message) => ask(`/customer/chats/${encodeURIComponent(member.userid)}`, message),
  });
  await refresh();
}

function drawMember(userid) {
  const member = phone.chats.find(chat => chat.userid.toLowerCase() === userid.toLowerCase());
  if (!member) { screen.replaceChildren(head('导购资料', '#messages'), notice('你们还不是好友')); return; }
  const said = status();
  const leave = async () => { await ask(`/customer/chats/${encodeURIComponent(userid)}/delete`, {}); await refresh(); location.hash = '#messages'; };
  screen.replaceChildren(head('导购资料', `#chat/${userid}`), scroll('导购资料', el('section', { class: 'panel' }, el('h3', null, member.name), el('p', { class: 'faint' }, `${member.work} @企业微信`),
    el('div', { class: 'buttons' }, risky('删除联系人', '再点一次就删除', leave, said)), said.node)));
}

async function drawMoments() {
  const { moments } = await ask('/customer/moments');
  screen.replaceChildren(head('朋友圈'), scroll('朋友圈', moments.length ? moments.map(momentPanel) : notice('还没有朋友圈。')));
}

function momentPanel(moment) {
  const said = status();
  const react = kind => async () => {
    await ask(`/customer/moments/${encodeURIComponent(moment.moment_id)}/${encodeURIComponent(moment.userid)}`, { kind });
    await drawMoments();
  };
  return el('article', { class: 'panel moment' }, el('header', null, avatar(moment.name, moment.userid), el('span', { class: 'who' }, el('strong', null, moment.name), el('time', { class: 'faint' }, asStamp(moment.published_ms, phone.nowMs)))),
    moment.text && moment.text.content ? el('p', { class: 'said-text' }, moment.text.content) : null, attached(moment.attachments),
    el('div', { class: 'buttons' }, moment.liked ? el('span', { class: 'button quiet' }, icon('heart'), '已赞') : action('赞', react('like'), said), action(moment.comments ? `评论（${moment.comments}）` : '评论', react('comment'), said)), said.node);
}

async function drawSms() {
  const { messages } = await ask('/customer/sms');
  const latest = messages.find(one => !one.mine);
  const address = /https?:\/\/[^\s，。]+/;
  const panel = message => {
    const found = message.content.match(address);
    const link = found ? el('button', { class: 'button quiet', type: 'button' }, '打开链接') : null;
    if (link) link.addEventListener('click', () => phone.openPage(found[0]));
    const when = el('p', { class: 'faint' }, `${message.mine ? `我的回复（${message.arrival}） ` : ''}${asStamp(message.sent_ms, phone.nowMs)}`);
    return el('article', { class: 'panel' }, when, el('p', { class: 'said-text' }, message.content), link);
  };
  screen.replaceChildren(head('短信'), scroll('短信', messages.length ? [latest ? answerForm(latest) : null, messages.map(panel)] : notice('还没有短信。')));
}

// All of them are from one sender: whatever is written goes back there.
function answerForm(latest) {
  const said = status();
  const input = el('input', { maxlength: '500', placeholder: '例如 R、TD，或一句话', autocomplete: 'off' });
  const send = async () => {
    if (!input.value.trim()) { said.tell('请写点什么', true); return; }
    await ask(`/customer/sms/${latest.id}`, { words: input.value });
    await drawSms();
  };
  return el('section', { class: 'panel' }, el('label', { class: 'field' }, el('span', null, '回复短信'), input), el('div', { class: 'buttons' }, action('发送', send, said)), said.node);
}

function drawOwnScan() {
  drawScan(screen, { before: el('p', null, el('a', { href: '#add' }, '不扫码，按名字添加导购')), scan: async (code, half) => {
    if (phone.opens(code)) { phone.openPage(code); return { said: '已打开网页' }; }
    const done = await ask('/customer/scan', { code, half });
    await refresh();
    return { said: done.said, href: done.outcome === 'asked' || done.outcome === 'temporary' ? '' : `#chat/${done.userid}`, link: '打开聊天' };
  } });
}

function drawAdd() {
  const said = status();
  const input = el('input', { type: 'search', placeholder: '姓名、账号、部门', 'aria-label': '查找导购', autocomplete: 'off' });
  const list = el('ul', null);
  const add = member => action('添加', async () => {
    const { userid } = await ask(`/customer/members/${encodeURIComponent(member.userid)}`, {});
    await refresh();
    location.hash = `#chat/${userid}`;
  }, said, { 'aria-label': `添加${member.name}` });
  let asked = 0;
  const load = async () => {
    const turn = ++asked;
    const { members } = await ask(`/customer/members?q=${encodeURIComponent(input.value)}`);
    if (turn === asked) list.replaceChildren(...(members.length ? members.map(member => el('li', { class: 'way' }, avatar(member.name, member.userid), el('span', { class: 'who' }, el('strong', null, member.name), el('span', { class: 'faint' }, [member.department, member.position].filter(Boolean).join(' · '))), add(member))) : [el('li', null, notice('没有找到'))]));
  };
  let typed = 0;
  input.addEventListener('input', () => { clearTimeout(typed); typed = setTimeout(() => quietly(load), 200); });
  screen.replaceChildren(head('添加导购', '#messages'), scroll('添加导购', el('div', { class: 'find' }, input), said.node, list));
  return load();
}

// Which tab a screen belongs to, and how it is drawn.
const SCREENS = {
  messages: ['messages', () => { shownState = ''; drawMessages(); }],
  chat: [null, openChat],
  member: [null, drawMember],
  add: ['messages', drawAdd],
  moments: ['moments', drawMoments],
  sms: ['sms', drawSms],
  scan: ['scan', drawOwnScan],
  open: ['scan', url => { drawOwnScan(); phone.openPage(url); }],
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
  await quietly(() => draw(id === undefined ? '' : decodeURIComponent(id)));
}

async function refresh() {
  const shown = current;
  const chat = shown ? `?chat=${encodeURIComponent(shown.chat.id)}&chat_after=${shown.after}` : '';
  await quietly(async () => {
    const feed = await ask(`/customer/feed${chat}`);
    if (!bar.travelling || bar.nowMs === undefined) bar.set(feed.now_ms);
    phone.chats = feed.chats;
    phone.offers = feed.offers;
    if (shown && shown === current) shown.update(feed.chat);
    drawMessages();
  });
}

const hour = stage.querySelector('[data-hour]');
bar.onTick(nowMs => { hour.textContent = asHour(nowMs); });
webview.keepWidth();
addEventListener('hashchange', route);
bar.resume();
whileVisible(refresh, () => FEED_MS)().then(route);
