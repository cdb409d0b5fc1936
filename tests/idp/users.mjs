// Who can log in. $USERS: JSON of name to password, or to {password, totp (base32), locked}.
import crypto from 'node:crypto';

/** A seed as people keep them (RFC 4648 base32); that of RFC 6238's test vectors. */
export const SEED = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const STEP = 30;

const account = (given) => ({ ...(typeof given === 'string' ? { password: given } : given), usedStep: -1 });
const everybody = {
  alice: 'wonderland-7',
  tess: { password: 'wonderland-7', totp: SEED },
  lou: { password: 'wonderland-7', locked: true },
  ...JSON.parse(process.env.USERS ?? '{}'),
};
const accounts = new Map(Object.entries(everybody).map(([name, given]) => [name, account(given)]));

export const find = (name) => accounts.get(name);

/** `undefined` if the password is right, otherwise what the page says. */
export function refuses(name, password) {
  const user = find(name);
  if (user?.locked) return 'This account is locked';
  return user && user.password === password ? undefined : 'Wrong user name or password';
}

function base32(text) {
  let bits = '';
  for (const c of text.replace(/[\s=]/g, '').toUpperCase()) {
    bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0');
  }
  return Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}

/** RFC 6238 with SHA-1 and six digits. */
export function totp(seed, step) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = crypto.createHmac('sha1', base32(seed)).update(counter).digest();
  const at = mac.at(-1) & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1e6).padStart(6, '0');
}

/** Whether the code is that of this half minute or the one before, and none that was used (RFC 6238 §5.2). */
export function accepts(name, code) {
  const user = find(name);
  const now = Math.floor(Date.now() / 1000 / STEP);
  const step = [now, now - 1].find((step) => step > user.usedStep && totp(user.totp, step) === code);
  if (step === undefined) return false;
  user.usedStep = step;
  return true;
}
