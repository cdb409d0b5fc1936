// The switches of a running provider, on a port of their own. README.md lists them.
import { sent, traces } from './assets.mjs';
import { body, json } from './html.mjs';
import { counters, make } from './passkeys.mjs';
import { force } from './scenes.mjs';

export function build() {
  let faults = {};
  const requests = new Map();

  const answers = {
    'PUT /faults': (given) => (faults = given),
    'PUT /scene': ({ scene }) => force(scene) ?? {},
    'POST /passkeys': ({ user }) => make(user, self.name),
    'GET /passkeys': counters,
    'GET /requests': () => Object.fromEntries(requests),
    'GET /headers': () => sent,
    'GET /traces': () => traces,
  };

  const self = {
    /** The provider's host name: the `rpId` of passkeys. */
    name: undefined,

    count(method, pathname) {
      const counted = `${method} ${pathname.replace(/^(\/[^/]+)\/[\w-]{20,}/, '$1')}`;
      requests.set(counted, (requests.get(counted) ?? 0) + 1);
    },

    /** Answers in the place of a server if that path is at fault; whether it did. */
    async fault(pathname, res) {
      const fault = faults[pathname];
      if (fault?.delay) await new Promise((done) => setTimeout(done, fault.delay));
      if (!fault?.status) return false;
      res.writeHead(fault.status, fault.headers ?? { 'content-type': 'text/plain' }).end(fault.body ?? 'off');
      return true;
    },

    async serve(req, res) {
      const answer = answers[`${req.method} ${req.url}`];
      if (!answer) return res.writeHead(404).end();
      try {
        return json(res, 200, answer(req.method === 'GET' ? undefined : JSON.parse(await body(req))));
      } catch (error) {
        return json(res, 400, { error: error.message });
      }
    },
  };
  return self;
}
