// A tram line over WebSocket on `ws`. Sends wait for their callback, a failure closes with 1011.
// Below /naive: `send` in a loop without a look at `bufferedAmount`, and `close()` in `finally`, as in many first versions.
const { randomBytes } = require('node:crypto');
const { EventEmitter, once } = require('node:events');
const http = require('node:http');
const { setTimeout: sleep } = require('node:timers/promises');
const { promisify } = require('node:util');
const { WebSocketServer } = require('ws');

const SIGNS = ['Central', 'Zoo\nand park', 'Hall 3\r\nback\r\n', 'the "old" bridge', 'Überführung 😀', '\u2028'];
const board = new EventEmitter();
const stats = { produced: 0, open: 0, cancelled: 0, ended: 0 };

async function* stops(count) {
  for (let n = 1; n <= count; n += 1) yield { n, stop: `stop ${n}` };
}

async function* diverted() {
  yield* stops(3);
  throw new Error('no track behind the third stop');
}

async function* live(query, signal) {
  yield { n: 1, stop: 'depot' };
  for (;;) {
    const [stop] = await once(board, 'stop', { signal });
    yield stop;
  }
}

async function* doors(query, signal) {
  yield { n: 1, state: 'closing' };
  await sleep(300, undefined, { signal });
  yield { n: 2, state: 'closed' };
}

async function* positions(query, signal) {
  for (let n = 1; ; n += 1) {
    yield { n };
    await sleep(20, undefined, { signal });
  }
}

async function* cameras(query) {
  for (let n = 1; n <= Number(query.get('n') ?? 1000); n += 1) yield { n, frame: randomBytes(720).toString('base64') };
}

async function* signs() {
  for (const [index, text] of SIGNS.entries()) yield { n: index + 1, text };
}

const routes = {
  '/stops': () => stops(100),
  '/stops/night': () => stops(0),
  '/stops/diverted': diverted,
  '/live': live,
  '/doors': doors,
  '/positions': positions,
  '/cameras': cameras,
  '/signs': signs,
};

async function careful(socket, items) {
  const gone = new AbortController();
  socket.on('close', () => gone.abort());
  const send = promisify(socket.send.bind(socket));
  try {
    for await (const item of items(gone.signal)) {
      if (gone.signal.aborted) break;
      stats.produced += 1;
      await send(JSON.stringify(item));
    }
    if (gone.signal.aborted) stats.cancelled += 1;
    else socket.close(1000);
  } catch (error) {
    if (gone.signal.aborted) stats.cancelled += 1;
    else {
      console.error(error);
      socket.close(1011);
    }
  }
}

async function naive(socket, items) {
  const gone = new AbortController();
  socket.on('close', () => gone.abort());
  try {
    for await (const item of items(gone.signal)) {
      stats.produced += 1;
      socket.send(JSON.stringify(item));
    }
  } catch (error) {
    if (gone.signal.aborted) stats.cancelled += 1;
    else console.error(error);
  } finally {
    socket.close();
  }
}

const server = http.createServer((request, response) => {
  if (request.url === '/stats') response.setHeader('Content-Type', 'application/json').end(JSON.stringify(stats));
  else response.writeHead(404).end();
});
const sockets = new WebSocketServer({ noServer: true });

server.on('upgrade', (request, raw, head) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  const serve = pathname.startsWith('/naive/') ? naive : careful;
  const items = routes[pathname.replace(/^\/naive/, '')];
  if (!items) return raw.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n');
  return sockets.handleUpgrade(request, raw, head, async (socket) => {
    socket.on('error', console.error);
    stats.open += 1;
    await serve(socket, (signal) => items(searchParams, signal));
    stats.open -= 1;
    stats.ended += 1;
  });
});

server.listen(Number(process.argv[2]), '127.0.0.1');
