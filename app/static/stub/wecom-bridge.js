// Sandbox only: the page's half of WeCom's native bridge. The phone that frames this page is the other half.
// Request {wecom: {id, api, params, url}}, answer {wecomReply: {id, result: {err_msg, …}}}.
(() => {
  if (window.parent === window) return; // not in a phone: then this is an ordinary browser
  const phone = new URL(document.currentScript.dataset.phone);
  // A phone is a host of its own; its sandbox page and our page differ in the port only.
  const origin = `${phone.protocol}//${location.hostname}${phone.port ? `:${phone.port}` : ''}`;
  const asked = new Map();
  let number = 0;

  addEventListener('message', event => {
    const reply = event.source === window.parent && event.origin === origin && event.data && event.data.wecomReply;
    const answer = reply && asked.get(reply.id);
    if (!answer) return;
    asked.delete(reply.id);
    answer(reply.result);
  });

  function invoke(api, params, answer) {
    number += 1;
    asked.set(number, answer);
    const url = location.href.split('#')[0];
    window.parent.postMessage({ wecom: { id: number, api, params: JSON.parse(JSON.stringify(params)), url } }, origin);
  }

  window.WeixinJSBridge = { invoke, on() {} };
  document.dispatchEvent(new Event('WeixinJSBridgeReady'));
  if (document.body && document.body.dataset.sdk) return; // the official SDK sits on top of the bridge
  window.ww = facade(invoke);

  // The part of @wecom/jssdk that the pages use, with its shape: promises, `errMsg`, agentConfig before the first call.
  function facade(bridge) {
    let options;
    let identity;
    const ask = (api, params) => new Promise((done, fail) => bridge(api, params, result => {
      const errMsg = result.err_msg;
      (/:(ok|yes)$/.test(errMsg) ? done : fail)({ ...result, errMsg });
    }));
    const identify = () => {
      identity = identity || options.getAgentConfigSignature(location.href.split('#')[0]).then(signed => ask('agentConfig', {
        corpid: options.corpId, agentid: String(options.agentId), jsApiList: options.jsApiList, ...signed,
      }));
      identity.catch(() => { identity = null; });
      return identity;
    };
    const joined = params => Object.fromEntries(Object.entries(params).map(([name, value]) => [name, Array.isArray(value) ? value.join(';') : value]));
    const api = name => async (params = {}) => { await identify(); return ask(name, joined(params)); };
    return {
      register(given) { options = given; },
      getContext: api('getContext'),
      getCurExternalContact: api('getCurExternalContact'),
      sendChatMessage: api('sendChatMessage'),
      openEnterpriseChat: api('openEnterpriseChat'),
    };
  }
})();
