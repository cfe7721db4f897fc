// Talking to our own server. Every refusal becomes a `Refused` with its status and a sentence for people.
const page = document.body.dataset;

export class Refused extends Error {
  constructor(status, title, code) {
    super(title || String(status));
    this.status = status;
    this.code = code;
  }

  // Signed out, an old page, or an overloaded server: the same request may succeed later.
  get isPassing() {
    return this.status === 401 || this.code === 'csrf' || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

async function refusalOf(response) {
  let problem = {};
  try { problem = await response.json(); } catch (_) { /* not problem+json */ }
  return new Refused(response.status, problem.title, problem.code);
}

async function ask(url, options, isQuiet = false) {
  const response = await fetch(url, { credentials: 'same-origin', cache: 'no-store', ...options });
  if (response.ok) return response;
  const refused = await refusalOf(response);
  if (refused.status === 401 && !isQuiet) signInAgain();
  throw refused;
}

export async function getJson(url) {
  return (await ask(url, { headers: { Accept: 'application/json' } })).json();
}

export async function getPart(url) {
  return (await ask(url, { headers: { Accept: 'text/html;q=0.9, application/problem+json' } })).text();
}

const write = body => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json', Accept: 'application/json', 'X-CSRF-Token': page.csrf },
  body: JSON.stringify(body),
});

export async function postJson(url, body) {
  return (await ask(url, write(body))).json();
}

// For advice that nothing may wait for: gives up after `ms` and never leaves the page to sign in.
export async function postAdvice(url, body, ms) {
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), ms);
  try {
    return (await ask(url, { ...write(body), signal: giveUp.signal }, true)).json();
  } finally {
    clearTimeout(timer);
  }
}

// Loading the page signs in silently; not over and over where that does not help.
function signInAgain() {
  const last = Number(sessionStorage.getItem('signedInAt') || 0);
  if (Date.now() - last < 60000) return;
  sessionStorage.setItem('signedInAt', String(Date.now()));
  location.reload();
}
