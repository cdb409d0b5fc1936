// As `client_credentials` does it: a token by HTTP Basic over a connection of its own, the answer checked.
import http from 'k6/http';
import { check } from 'k6';

export const options = {
  noConnectionReuse: true,
  discardResponseBodies: false,
  scenarios: {
    tokens: {
      executor: 'constant-arrival-rate',
      rate: Number(__ENV.RATE),
      timeUnit: '1s',
      duration: `${__ENV.SECONDS}s`,
      preAllocatedVUs: 20,
    },
  },
};

const headers = { Authorization: 'Basic c3ZjOnN2Yy1zZWNyZXQ=' };

export default function () {
  const answer = http.post(__ENV.URL, { grant_type: 'client_credentials' }, { headers });
  check(answer, {
    'is a token': (a) => a.status === 200 && a.json('token_type') === 'Bearer' && a.json('access_token').length > 0,
  });
}
