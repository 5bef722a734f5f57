// Parcels on their way as Server-Sent Events: Express with the compression middleware. Each event is flushed, or the
// middleware would keep it until its buffer is full.
const { randomBytes } = require('node:crypto');
const { EventEmitter, once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const compression = require('compression');
const express = require('express');

const INSTRUCTIONS = ['Ring twice', 'Leave it\nnext door', 'Code:\r\n1234', 'Newline at the end\n', 'Gebäude 3 😀'];
const arrivals = new EventEmitter();
const stats = { produced: 0, open: 0, cancelled: 0, ended: 0 };

const eventStream = (items) => async (request, response) => {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  response.flushHeaders();
  stats.open += 1;
  try {
    for await (const item of items(request, gone.signal)) {
      stats.produced += 1;
      const more = response.write(`data: ${JSON.stringify(item)}\n\n`);
      response.flush();
      if (!more) await once(response, 'drain', { signal: gone.signal });
    }
    response.end();
  } catch (error) {
    if (!gone.signal.aborted) throw error;
    stats.cancelled += 1;
  } finally {
    stats.open -= 1;
    stats.ended += 1;
  }
};

function* parcels(count) {
  for (let n = 1; n <= count; n += 1) yield { n, parcel: `parcel ${n}` };
}

const app = express();
app.use(compression());

app.get('/parcels', eventStream(() => parcels(100)));
app.get('/parcels/lost', eventStream(() => parcels(0)));
app.get('/parcels/customs', eventStream(async function* () {
  yield* parcels(3);
  throw new Error('customs closed for today');
}));
app.get('/parcels/arriving', eventStream(async function* (request, signal) {
  yield { n: 1, parcel: 'the last one so far' };
  for (;;) {
    const [parcel] = await once(arrivals, 'parcel', { signal });
    yield parcel;
  }
}));
app.get('/parcels/labels', eventStream(function* (request) {
  const count = Number(request.query.n ?? 1000);
  for (let n = 1; n <= count; n += 1) yield { n, label: randomBytes(720).toString('base64') };
}));
app.get('/instructions', eventStream(() => INSTRUCTIONS.map((text) => ({ text }))));
app.get('/handover', eventStream(async function* (request, signal) {
  yield { n: 1, state: 'at the door' };
  await sleep(300, undefined, { signal });
  yield { n: 2, state: 'handed over' };
}));
app.get('/van', eventStream(async function* (request, signal) {
  await sleep(100, undefined, { signal });
  for (let n = 1; ; n += 1) {
    yield { n };
    await sleep(20, undefined, { signal });
  }
}));
app.get('/stats', (request, response) => response.json(stats));

app.listen(Number(process.argv[2]), '127.0.0.1');
