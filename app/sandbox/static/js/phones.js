// Phones side by side share one clock, above them.
import { ask, whileVisible } from './api.js';
import { TravelBar } from './travel.js';

const bar = new TravelBar(document.querySelector('[data-travel]'));
bar.resume();
whileVisible(async () => {
  try {
    const { now_ms: nowMs } = await ask('/time');
    if (!bar.travelling) bar.set(nowMs);
  } catch (error) { bar.say(error.message, true); }
}, () => 3000);
