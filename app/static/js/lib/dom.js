// Finding elements, listening, and saying something in the words of the page's catalogue.
export const one = (selector, root = document) => root.querySelector(selector);
export const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

// One listener for all elements of a kind, also those that are put there later.
export function onClick(selector, handle) {
  document.addEventListener('click', event => {
    const target = event.target.closest(selector);
    if (target && !target.disabled) handle(target, event);
  });
}

let hiding;
export function toast(text) {
  const box = one('#toast');
  box.textContent = text;
  box.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { box.hidden = true; }, 3500);
}

// A key for one write, the same however often it is delivered.
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('');
}

const words = JSON.parse(one('#words').textContent);

// What the scripts say; `{name}` is filled in.
export function say(name, values = {}) {
  return (words[name] || name).replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole));
}
