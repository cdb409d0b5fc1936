// Files for pages, and a log of who was sent which headers.
import fs from 'node:fs';
import * as html from './html.mjs';

const FOLDER = new URL('assets/', import.meta.url);
const MOST = 5000;
/** The latest requests: {server, method, path, headers}. */
export const sent = [];
/** What pages of the scene `sticky` found of earlier logins, a list each page. */
export const traces = [];

export function record(server, req) {
  sent.push({ server, method: req.method, path: req.url, headers: req.headers });
  if (sent.length > MOST) sent.shift();
}

const javascript = (res, text, more) => res.writeHead(200, { 'content-type': 'text/javascript', ...more }).end(text);

/** Serves what pages load; whether it did. */
export async function serve(req, res, pathname) {
  if (pathname === '/hang') return true;
  if (pathname === '/traces' && req.method === 'POST') {
    traces.push(JSON.parse(await html.body(req)));
    res.writeHead(204).end();
    return true;
  }
  // Kept for a day: a browser that forgets its cache asks for it at every login.
  if (pathname === '/assets/stamp.js') return Boolean(javascript(res, '/* kept */', { 'cache-control': 'max-age=86400, immutable' }));
  if (pathname === '/assets/captcha.html') return Boolean(html.send(res, 200, html.document('<p>Are you human?</p>')) ?? true);
  const name = pathname === '/sw.js' ? 'sw.js' : /^\/assets\/([a-z]+\.js)$/.exec(pathname)?.[1];
  if (!name || !fs.existsSync(new URL(name, FOLDER))) return false;
  javascript(res, fs.readFileSync(new URL(name, FOLDER)), { 'cache-control': 'no-store' });
  return true;
}

const PIXEL = Buffer.from('R0lGODlhAQABAAAAACH5BAEAAAAALAAAAAABAAEAAAICTAEAOw==', 'base64');
const TRACKER = `const { at } = document.currentScript.dataset;
fetch(at + '/beacon', { method: 'POST', body: 'seen' });`;

/** Somebody else's server, as login pages load analytics and fonts from: another origin, told apart by its port. */
export function foreign(req, res) {
  record('foreign', req);
  const cors = { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' };
  if (req.method === 'OPTIONS') return res.writeHead(204, cors).end();
  if (req.url === '/pixel.gif') return res.writeHead(200, { 'content-type': 'image/gif' }).end(PIXEL);
  if (req.url === '/tracker.js') return javascript(res, TRACKER);
  if (req.url === '/frame.html') return html.send(res, 200, html.document('<p>Advertisement</p><input name="username">'));
  return res.writeHead(204, cors).end();
}
