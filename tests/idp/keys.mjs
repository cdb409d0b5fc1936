// The signing keys: a JWK set in a file, the first key signs.
import crypto from 'node:crypto';
import fs from 'node:fs';

function newKey() {
  const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: crypto.randomBytes(6).toString('hex') };
}

/** Reads the set; makes one of a single key when there is none. */
export function load(path) {
  if (!fs.existsSync(path)) save(path, [newKey()]);
  return JSON.parse(fs.readFileSync(path, 'utf8'));
}

function save(path, keys) {
  const part = `${path}.part`;
  fs.writeFileSync(part, JSON.stringify({ keys }), { mode: 0o600 });
  fs.renameSync(part, path);
}

/**
 * Changes the set; the server follows on SIGHUP. A careful rotation (OIDC Core 10.1.1) is publish, promote and,
 * when the last token of the old key has expired, retire; `replace` is the careless one.
 */
export function rotate(path, how) {
  const { keys } = load(path);
  const steps = {
    publish: () => [...keys, newKey()],
    promote: () => [keys.at(-1), ...keys.slice(0, -1)],
    retire: () => keys.slice(0, 1),
    replace: () => [newKey()],
    // Another key under the name of the old one: what no verifier can survive.
    reuse_kid: () => [{ ...newKey(), kid: keys[0].kid }],
  };
  if (!steps[how]) throw new Error(`rotate: expected one of ${Object.keys(steps).join(', ')}`);
  save(path, steps[how]());
}
