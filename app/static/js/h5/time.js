// Time as the page tells it: business time in the store's zone, whatever this device's clock and zone.
import { one } from '../lib/dom.js';

let ahead = 0; // business time less this device's, milliseconds
let zone;
let readFrom = null;

function read() {
  const mark = one('[data-now]');
  if (!mark || mark === readFrom) return;
  readFrom = mark;
  ahead = Number(mark.dataset.now) - Date.now();
  zone = mark.dataset.zone;
}

// `14:03` of an instant of this device's clock.
export function timeOf(at) {
  read();
  const options = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZone: zone };
  return new Intl.DateTimeFormat('en-GB', options).format(at + ahead);
}
