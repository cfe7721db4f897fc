// What the scripts say, from the page's catalogue; `{name}` is filled in.
const words = JSON.parse(document.getElementById('words').textContent);

export function say(name, values = {}) {
  return (words[name] || name).replace(/\{(\w+)\}/g, (whole, key) => (key in values ? values[key] : whole));
}
