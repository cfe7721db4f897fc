// The only module that knows WeCom's JS-SDK (`ww` of @wecom/jssdk, or our stub of it).
// Outside WeCom the SDK never settles, so every call has a time limit of its own.
import { getJson } from './api.js';

const APIS = ['getContext', 'getCurExternalContact', 'sendChatMessage', 'openEnterpriseChat'];
const LOAD_MS = 6000;
const ASK_MS = 8000;
const SEND_MS = 60000; // the person may be looking at WeCom's own confirmation
const CAN_SEND = ['single_chat_tools', 'single_kf_tools', 'chat_attachment'];
const HAS_CONTACT = ['single_chat_tools', 'single_kf_tools', 'contact_profile'];
// The SDK drops underscores from WeCom's texts, so words may stand together.
const KINDS = [
  [/cancel/i, 'cancel'],
  [/without[ _]?context/i, 'no_context'],
  [/invalid[ _]?signature|40093|42012/i, 'signature'],
  [/no[ _]?permission|permission[ _]?denied|not[ _]?in[ _]?allow/i, 'no_permission'],
  [/not[ _]?exist|not[ _]?support|no[ _]?such/i, 'unsupported'],
  [/network/i, 'network'],
];
const page = document.body.dataset;

export class WeComError extends Error {
  constructor(kind, raw = '') {
    super(raw || kind);
    this.kind = kind;
  }
}

function understand(error) {
  if (error instanceof WeComError) return error;
  const raw = String((error && (error.errMsg || error.err_msg || error.message)) || error);
  const known = KINDS.find(([pattern]) => pattern.test(raw));
  return new WeComError(known ? known[1] : 'fail', raw.replace(/^\w+:fail[_ ]?/, ''));
}

function within(ms, promise) {
  let timer;
  const late = new Promise((_, fail) => { timer = setTimeout(() => fail(new WeComError('timeout')), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const isInside = () => /wxwork/i.test(navigator.userAgent) || Boolean(window.WeixinJSBridge);

let loading;
function loadSdk() {
  if (window.ww || !page.sdk) return Promise.resolve();
  loading = loading || new Promise((done, fail) => {
    const script = document.createElement('script');
    script.src = page.sdk;
    script.onload = done;
    script.onerror = () => { loading = null; fail(new WeComError('network')); };
    document.head.append(script);
  });
  return within(LOAD_MS, loading);
}

const sign = kind => url => getJson(`/h5/api/signature?kind=${kind}&url=${encodeURIComponent(url || location.href.split('#')[0])}`);

let registering;
function register() {
  registering = registering || (async () => {
    if (!isInside()) throw new WeComError('outside');
    await loadSdk();
    if (!window.ww) throw new WeComError('outside');
    window.ww.register({
      corpId: page.corpId,
      agentId: Number(page.agentId),
      jsApiList: APIS,
      getConfigSignature: sign('corp'),
      getAgentConfigSignature: sign('agent'),
    });
  })().catch(error => { registering = null; throw understand(error); });
  return registering;
}

async function call(api, params, ms) {
  await register();
  try {
    return await within(ms, window.ww[api](params));
  } catch (error) {
    throw understand(error);
  }
}

// Where the page was opened from, what can be done there, and with whom the chat is (null: with no customer).
export async function whereAmI() {
  const { entry } = await call('getContext', {}, ASK_MS);
  const contact = HAS_CONTACT.includes(entry) ? await currentContact() : null;
  return { entry, contact, canSend: CAN_SEND.includes(entry) };
}

export async function currentContact() {
  return (await call('getCurExternalContact', {}, ASK_MS)).userId;
}

// Resolves only when WeCom says `:ok`; a `timeout` means nobody knows.
export function sendText(content) {
  return call('sendChatMessage', { msgtype: 'text', text: { content } }, SEND_MS);
}

export function openChat(externalUserId) {
  return call('openEnterpriseChat', { externalUserIds: [externalUserId], userIds: [], groupName: '', chatId: '' }, ASK_MS);
}
