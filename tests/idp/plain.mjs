// What is at the port of https for whoever speaks plain http there, as gateways have it.
import http from 'node:http';
import net from 'node:net';
import * as html from './html.mjs';

const ROUTER = '<h1>Router</h1><form method="post"><input name="user"><input type="password" name="password"><button>Log in</button></form>';

/** By the value of $PLAIN. `provider`: what serves https. */
const ANSWERS = {
  /** A gateway that speaks JSON. */
  json: (req, res) => html.json(res, 400, { error: 'invalid_request', error_description: 'The plain HTTP request was sent to HTTPS port' }),
  /** The same place by https. */
  redirect: (req, res) => res.writeHead(301, { location: `https://${req.headers.host}${req.url}` }).end(),
  /** Another application, with a login of its own. */
  other: (req, res) => html.send(res, 200, html.document(ROUTER, { title: 'Router' })),
};

/** Listens for both: who begins with a TLS handshake gets `secure`, others what $PLAIN says (`provider`: `front` itself). */
export function both(secure, front) {
  const plain = http.createServer(process.env.PLAIN === 'provider' ? front : ANSWERS[process.env.PLAIN]);
  return net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.once('data', (first) => {
      socket.pause();
      socket.unshift(first);
      (first[0] === 22 ? secure : plain).emit('connection', socket);
      process.nextTick(() => socket.resume());
    });
  });
}
