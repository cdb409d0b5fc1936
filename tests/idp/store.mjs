// oidc-provider's persistence, in memory. It belongs to the process, not to a Provider: sessions and tokens outlive a
// rotation of keys, which builds the Provider anew.
const entries = new Map();
const grants = new Map();

export class Store {
  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload, expiresIn) {
    const key = this.key(id);
    entries.set(key, { ...payload, until: expiresIn ? Date.now() + expiresIn * 1000 : undefined });
    if (payload.uid) entries.set(`uid:${payload.uid}`, id);
    if (payload.userCode) entries.set(`userCode:${payload.userCode}`, id);
    if (payload.grantId) grants.set(payload.grantId, (grants.get(payload.grantId) ?? new Set()).add(key));
  }

  async find(id) {
    const found = entries.get(this.key(id));
    if (found?.until && found.until <= Date.now()) {
      entries.delete(this.key(id));
      return undefined;
    }
    return found;
  }

  findByUid(uid) {
    return this.find(entries.get(`uid:${uid}`));
  }

  findByUserCode(code) {
    return this.find(entries.get(`userCode:${code}`));
  }

  async consume(id) {
    const found = await this.find(id);
    if (found) found.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    entries.delete(this.key(id));
  }

  async revokeByGrantId(grantId) {
    for (const key of grants.get(grantId) ?? []) entries.delete(key);
    grants.delete(grantId);
  }
}
