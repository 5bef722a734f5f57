// Plays the scripts of docs/contract.md with node:http, as a careful handler streams: it waits while the socket is
// full, cuts its answer off when it fails, and hears by `close` that its client has left.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { setImmediate as source, setTimeout as sleep } from 'node:timers/promises';

const RUNS = 10_000; // so many are remembered, far more than begin in the 60 s for which they have to be
const STEPS = ['send', 'generate', 'wait', 'gate', 'fail', 'complete']; // `complete` comes last, and so does `end()`
const BEGUN = { state: 'playing', called: 0, sent: 0, sending: 0, cancel_seen: 0, cleanups: 0 };
const FORMS = { sse: ['text/event-stream', 'data: ', '\n\n'], ndjson: ['application/x-ndjson', '', '\n'] };
const FEATURES = { contract: 1, streams: { sse: 'sse', ndjson: 'ndjson' }, steps: STEPS, witness: Object.keys(BEGUN) };
const runs = new Map();
const letters = (n) => (n > 0 ? randomBytes(n).toString('base64').replace(/\W/g, 'x').slice(0, n) : '');

function known(run) {
  if (!runs.has(run)) runs.set(run, { witness: { ...BEGUN }, opened: new Set() });
  if (runs.size > RUNS) runs.delete(runs.keys().next().value);
  return runs.get(run);
}

async function* played(steps, witness, opened, signal) {
  for (const step of steps) {
    if (step.do === 'wait') await sleep(step.ms, undefined, { signal });
    while (step.do === 'gate' && !opened.has(step.name)) await sleep(5, undefined, { signal });
    if (step.do === 'fail') throw new Error(step.message);
    if (step.do === 'send') yield* step.items;
    for (let k = 0; step.do === 'generate' && k < (step.n ?? Infinity); k += 1) {
      await (k && step.every_ms ? sleep(step.every_ms, undefined, { signal }) : source(undefined, { signal }));
      yield { n: witness.sent + 1, pad: letters(step.bytes - '{"n":1,"pad":""}'.length) };
    }
  }
}

async function play(response, steps, { witness, opened }, [type, lead, tail]) {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  witness.called += 1;
  try {
    response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-cache' }).flushHeaders();
    for await (const item of played(steps, witness, opened, gone.signal)) {
      witness.sending = 1;
      if (!response.write(lead + JSON.stringify(item) + tail)) await once(response, 'drain', { signal: gone.signal });
      Object.assign(witness, { sending: 0, sent: witness.sent + 1 });
    }
    response.end();
  } finally {
    const left = Number(gone.signal.aborted);
    Object.assign(witness, { state: 'ended', sending: 0, cancel_seen: left, cleanups: witness.cleanups + 1 });
  }
}

async function handle(request, response) {
  const [path, query] = request.url.replace('/streamspec/', '').split('?');
  const { run, name, script } = Object.fromEntries(new URLSearchParams(query));
  const answer = (status, body) => response.writeHead(status).end(JSON.stringify(body));
  if (path === 'features') return answer(200, FEATURES);
  if (path === 'witness') return answer(known(run).witness.called ? 200 : 404, known(run).witness);
  if (path === 'gate') return answer(200, { opened: known(run).opened.add(name).size });
  const { steps, ...options } = JSON.parse(script);
  const unsupported = [...steps.map((step) => step.do), ...Object.keys(options)].find((word) => !STEPS.includes(word));
  return unsupported ? answer(501, { unsupported }) : play(response, steps, known(run), FORMS[path]);
}

http.createServer((request, response) => {
  handle(request, response).catch(() => (response.headersSent ? response.destroy() : response.writeHead(400).end()));
}).listen(Number(process.argv[2]), '127.0.0.1');
