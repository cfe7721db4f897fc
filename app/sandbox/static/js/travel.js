// The fast-forward bar: shows the virtual time, begins journeys and follows them.
import { ask } from './api.js';
import { asMoment } from './format.js';

const FOLLOW_MS = 500;
const PATIENCE = 6; // the app may be too busy draining to answer every time

export class TravelBar {
  constructor(root) {
    this.now = root.querySelector('[data-now]');
    this.said = root.querySelector('[data-said]');
    this.progress = root.querySelector('[data-progress]');
    this.buttons = [...root.querySelectorAll('[data-go]')];
    this.travelling = false;
    this.listeners = [];
    for (const button of this.buttons) {
      button.addEventListener('click', () => this.go(JSON.parse(button.dataset.go)));
      button.disabled = false; // nobody's press is lost before this is loaded
    }
    setInterval(() => { if (!document.hidden) this.show(); }, 1000);
  }

  // The server's time, from which the bar goes on by itself.
  set(nowMs) {
    this.known = nowMs;
    this.knownAt = performance.now();
    this.show();
  }

  get nowMs() { return this.known === undefined ? undefined : this.known + performance.now() - this.knownAt; }

  onTick(listener) { this.listeners.push(listener); }

  show() {
    if (this.known === undefined) return;
    this.now.textContent = asMoment(this.nowMs);
    this.now.setAttribute('datetime', new Date(this.nowMs).toISOString());
    for (const listener of this.listeners) listener(this.nowMs);
  }

  say(text, wrong = false) {
    this.said.textContent = text;
    this.said.classList.toggle('wrong', wrong);
  }

  async go(wish) {
    if (this.travelling) return;
    this.setTravelling(true);
    this.say('正在出发…');
    try { await this.follow(await ask('/travel', wish)); } catch (error) { this.say(error.message, true); }
    this.setTravelling(false);
  }

  // A journey begun in another window, or before a reload, is followed to its end.
  async resume() {
    let state;
    try { state = await ask('/travel'); } catch (_) { return; }
    if (state.arrived || this.travelling) return;
    this.setTravelling(true);
    try { await this.follow(state); } catch (error) { this.say(error.message, true); }
    this.setTravelling(false);
  }

  async follow(begun) {
    const from = begun.now_ms;
    let state = begun;
    let failed = 0;
    while (!state.arrived) {
      this.showWay(state, from);
      await new Promise(done => setTimeout(done, FOLLOW_MS));
      try { state = await ask('/travel'); failed = 0; } catch (error) { if (++failed === PATIENCE) throw error; }
    }
    this.set(state.now_ms);
    this.say(`已到 ${asMoment(state.now_ms)}`);
  }

  showWay(state, from) {
    this.set(state.now_ms);
    if (state.target_ms === null) { this.progress.removeAttribute('value'); return; }
    const way = Math.max(1, state.target_ms - from);
    this.progress.value = Math.max(2, Math.min(100, 100 * (state.now_ms - from) / way));
    this.say(`正在快进到 ${asMoment(state.target_ms)}`);
  }

  setTravelling(on) {
    this.travelling = on;
    this.progress.hidden = !on;
    this.progress.value = 0;
    for (const button of this.buttons) button.disabled = on;
  }
}
