// Passkeys (WebAuthn Level 3): ES256 only, one a user.
import crypto from 'node:crypto';
import { find } from './users.mjs';

const sha256 = (data) => crypto.createHash('sha256').update(data).digest();
const bytes = (base64url) => Buffer.from(base64url ?? '', 'base64url');
/** Credential id to {name, key, counter}. */
const credentials = new Map();

/** Makes a passkey for a user, as WebDriver's virtual authenticators take it (§11.6, "Add Credential"). */
export function make(name, rpId) {
  if (!find(name)) throw new Error(`no user ${name}`);
  for (const [id, credential] of credentials) if (credential.name === name) credentials.delete(id);
  const { publicKey, privateKey } = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const credentialId = crypto.randomBytes(16).toString('base64url');
  credentials.set(credentialId, { name, key: publicKey, counter: 0 });
  return {
    credentialId,
    isResidentCredential: true,
    rpId,
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64url'),
    userHandle: Buffer.from(name).toString('base64url'),
    signCount: 0,
  };
}

/** The latest signature counter of every user with a passkey. */
export const counters = () => Object.fromEntries([...credentials.values()].map(({ name, counter }) => [name, counter]));

export const newChallenge = () => crypto.randomBytes(32).toString('base64url');

/** Verifies an assertion (§7.2). Returns the user's name; throws what is wrong. */
export function verify(assertion, { challenge, origin }) {
  const credential = credentials.get(assertion.id);
  if (!credential) throw new Error('This passkey is not known');
  const client = JSON.parse(bytes(assertion.clientDataJSON));
  const data = bytes(assertion.authenticatorData);
  const wrong = (what) => {
    throw new Error(`This passkey was refused (${what})`);
  };
  if (client.type !== 'webauthn.get') wrong('type');
  if (client.challenge !== challenge) wrong('challenge');
  if (client.origin !== origin) wrong('origin');
  if (data.length < 37 || !data.subarray(0, 32).equals(sha256(new URL(origin).hostname))) wrong('rpId');
  if ((data[32] & 5) !== 5) wrong('user not present or not verified');
  const signed = Buffer.concat([data, sha256(bytes(assertion.clientDataJSON))]);
  if (!crypto.verify('sha256', signed, credential.key, bytes(assertion.signature))) wrong('signature');
  const counter = data.readUInt32BE(33);
  // A counter that does not grow is a clone's (§6.1.1).
  if (counter <= credential.counter) wrong('counter');
  credential.counter = counter;
  return credential.name;
}
