// The peer: login and consent in one warm browser, a fresh context each, up to the request with the code. For every line on
// standard input one login; answers with milliseconds, or with `closed` when it has ended the context of the last one.
//   node login.mjs BROWSER ISSUER CLIENT REDIRECT_URI USER PASSWORD
import { createHash, randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const [executablePath, issuer, client, redirectUri, user, password] = process.argv.slice(2);
const args = ['--disable-dev-shm-usage', '--disable-gpu', '--disable-quic', ...(process.getuid() === 0 ? ['--no-sandbox'] : [])];
const browser = await chromium.launch({ executablePath, args });
const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();

const login = async () => {
  const begun = performance.now();
  const random = () => randomBytes(24).toString('base64url');
  const verifier = random();
  const url = new URL(metadata.authorization_endpoint);
  for (const [name, value] of Object.entries({
    response_type: 'code', client_id: client, redirect_uri: redirectUri, scope: 'openid profile', state: random(), nonce: random(),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
  })) url.searchParams.set(name, value);
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(url.href);
  await page.fill('#username', user);
  await page.fill('#password', password);
  await page.click('#submit');
  // Routes do not see redirects: the request itself is waited for.
  const answered = page.waitForRequest((request) => request.url().startsWith(`${redirectUri}?`));
  await page.click('#allow');
  if (!new URL((await answered).url()).searchParams.has('code')) throw new Error('no code came back');
  return { took: performance.now() - begun, context };
};

console.log(`ready ${browser.version()}`);
for await (const _ of createInterface({ input: process.stdin })) {
  const { took, context } = await login();
  console.log(took.toFixed(1));
  await context.close();
  console.log('closed');
}
await browser.close();
