// Times as a phone in China shows them.

const ZONE = 'Asia/Shanghai';
const full = new Intl.DateTimeFormat('zh-CN', { timeZone: ZONE, year: 'numeric', month: 'long', day: 'numeric' });
const weekday = new Intl.DateTimeFormat('zh-CN', { timeZone: ZONE, weekday: 'short' });
const hour = new Intl.DateTimeFormat('zh-CN', { timeZone: ZONE, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat('zh-CN', { timeZone: ZONE, month: 'long', day: 'numeric' });

export const asMoment = ms => `${full.format(ms)} ${weekday.format(ms)} ${hour.format(ms)}`;
export const asHour = ms => hour.format(ms);

// Today only the hour, otherwise the day with it.
export function asStamp(ms, now) {
  return day.format(ms) === day.format(now) && Math.abs(now - ms) < 86400000 ? hour.format(ms) : `${day.format(ms)} ${hour.format(ms)}`;
}
