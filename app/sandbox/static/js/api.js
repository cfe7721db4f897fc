// Talking to the sandbox's server: JSON in, JSON out, errors with a Chinese reason.

export class Refused extends Error {}

export async function ask(path, body) {
  const options = body === undefined ? {} : { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
  let response;
  try {
    response = await fetch(path, options);
  } catch (_) {
    throw new Refused('沙箱没有响应：请确认它正在运行');
  }
  let answer = null;
  try { answer = await response.json(); } catch (_) { /* an error page */ }
  if (!response.ok || answer === null) throw new Refused((answer && answer.error) || `沙箱出错了（${response.status}）`);
  return answer;
}

// Calls `work` again and again, `pause()` ms apart, but only while the page can be seen.
export function whileVisible(work, pause) {
  let timer = 0;
  const turn = async () => {
    clearTimeout(timer);
    if (document.hidden) return;
    await work();
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(turn, pause());
  };
  document.addEventListener('visibilitychange', turn);
  turn();
  return turn;
}
