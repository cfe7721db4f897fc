// The parent's half of WeCom's native bridge: the framed page asks, the phone answers.
// Request {wecom: {id, api, params, url}}, answer {wecomReply: {id, result: {err_msg, …}}} (facts 3.1, 7.2).
import { ask } from './api.js';

const NEEDS_APP_IDENTITY = ['getCurExternalContact', 'sendChatMessage', 'openEnterpriseChat'];

export class Bridge {
  // `phone` has openChat(externalUserId) → contact or null, sent(params), closeWebview().
  constructor(webview, phone) {
    this.webview = webview;
    this.phone = phone;
    this.registered = new WeakMap();
    addEventListener('message', event => this.receive(event));
  }

  async receive(event) {
    const { frame, origin } = this.webview;
    if (!frame || event.source !== frame.contentWindow || event.origin !== origin) return;
    const request = event.data && event.data.wecom;
    if (!request || typeof request.api !== 'string') return;
    const { err, after, ...result } = await this.answer(frame, request);
    if (this.webview.frame !== frame) return;
    frame.contentWindow.postMessage({ wecomReply: { id: request.id, result: { err_msg: `${request.api}:${err || 'ok'}`, ...result } } }, origin);
    if (after) after();
  }

  async answer(frame, { api, params, url }) {
    if (NEEDS_APP_IDENTITY.includes(api) && !this.mayCall(frame, api)) return { err: 'fail no permission' };
    const handler = HANDLERS[api];
    if (!handler) return { err: 'fail not supported' };
    try {
      return await handler.call(this, params || {}, { frame, url: this.urlOf(url, frame), context: this.webview.context });
    } catch (error) {
      return { err: `fail ${error.message}` };
    }
  }

  mayCall(frame, api) {
    const list = this.registered.get(frame);
    return Boolean(list && (list.length === 0 || list.includes(api)));
  }

  // The page names its own address, as the client knows it; it cannot name another origin's.
  urlOf(url, frame) {
    const named = typeof url === 'string' && url.startsWith(`${this.webview.origin}/`) ? url : frame.src;
    return named.split('#')[0];
  }

  async verify(kind, params, url) {
    const answer = await ask('/sandbox/verify-signature', { kind, url, timestamp: params.timestamp, nonceStr: params.nonceStr || '-', signature: params.signature || '-', corpid: params.corpid || params.appId || null, agentid: params.agentid || null });
    return answer.errcode === 0 ? null : `fail ${answer.errmsg}`;
  }
}

const HANDLERS = {
  async config(params, { url }) {
    return { err: await this.verify('corp', params, url) };
  },

  async agentConfig(params, { frame, url }) {
    const err = await this.verify('agent', params, url);
    if (!err) this.registered.set(frame, Array.isArray(params.jsApiList) ? params.jsApiList : []);
    return { err };
  },

  getContext(_, { context }) {
    return { entry: context.entry };
  },

  getCurExternalContact(_, { context }) {
    return context.externalUserId ? { userId: context.externalUserId } : { err: 'fail without context of external contact' };
  },

  // Says ok for a message that is not delivered too, as WeCom's client does: the red mark is in the chat only.
  async sendChatMessage(params, { context }) {
    if (!context.externalUserId) return { err: 'fail without context of external contact' };
    await ask(`/phone/chats/${encodeURIComponent(context.externalUserId)}`, { ...params, from: 'associate' });
    this.phone.sent(params);
    return {};
  },

  async openEnterpriseChat(params) {
    const wanted = Array.isArray(params.externalUserIds) ? params.externalUserIds : String(params.externalUserIds || '').split(';').filter(Boolean);
    if (wanted.length !== 1) return { err: 'fail one external contact is supported here' };
    await ask(`/phone/chats/${encodeURIComponent(wanted[0])}`);
    return { after: () => this.phone.openChat(wanted[0]) };
  },

  closeWindow() {
    return { after: () => this.phone.closeWebview() };
  },
};
