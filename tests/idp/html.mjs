// Pages as text.
export const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

/** A whole page of that body. */
export function document(body, { title = 'Sign in', assets = [] } = {}) {
  const scripts = assets.map((name) => `<script src="/assets/${name}"></script>`).join('');
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title></head><body>${body}${scripts}</body></html>`;
}

export function send(res, status, html) {
  res.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  res.end(html);
}

export function json(res, status, value) {
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  res.end(JSON.stringify(value));
}

export async function body(req) {
  let text = '';
  for await (const chunk of req) text += chunk;
  return text;
}

/** A form that posts to the interaction. */
export const form = (uid, content) => `<form method="post" action="/interaction/${uid}">\n${content}</form>`;

export const input = (label, name, more) => `<label>${label} <input id="${name}" name="${name}" ${more}></label>\n`;

export const button = (id, label) => `<button id="${id}" type="submit">${label}</button>\n`;
