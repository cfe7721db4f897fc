// The fast-forward bar: shows the virtual time, begins journeys and follows them.
import { ask } from './api.js';
import { asMoment } from './format.js';

const FOLLOW_MS = 500;

export class TravelBar {
  constructor(root) {
    this.now = root.querySelector('[data-now]');
    this.said = root.querySelector('[data-said]');
    this.progress = root.querySelector('[data-progress]');
    this.buttons = [...root.querySelectorAll('[data-go]')];
    this.travelling = false;
    this.listeners = [];
    for (const button of this.buttons) button.addEventListener('click', () => this.go(JSON.parse(button.dataset.go)));
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
    const from = this.nowMs;
    try {
      this.say('正在出发…');
      let state = await ask('/travel', wish);
      while (!state.arrived) {
        this.arriveAt(state, from);
        await new Promise(done => setTimeout(done, FOLLOW_MS));
        state = await ask('/travel');
      }
      this.set(state.now_ms);
      this.say(`已到 ${asMoment(state.now_ms)}`);
    } catch (error) {
      this.say(error.message, true);
    }
    this.setTravelling(false);
  }

  arriveAt(state, from) {
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
