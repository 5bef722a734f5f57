// A match ticker as Server-Sent Events on plain node:http. Writes wait for `drain`, a failure cuts the answer short,
// and a reader that comes back goes on behind the last event it saw.
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const COMMENTS = ['Kick-off', 'Corner.\nHeader.\nGoal!', 'Yellow card\r\nfor the keeper', 'One\n\nthree', '½ time 😀'];
const goals = new EventEmitter();
const stats = { produced: 0, open: 0, cancelled: 0, ended: 0 };

async function stream(response, events) {
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  response.flushHeaders();
  stats.open += 1;
  try {
    for await (const event of events(gone.signal)) {
      stats.produced += 1;
      if (!response.write(event)) await once(response, 'drain', { signal: gone.signal });
    }
    response.end();
  } catch (error) {
    if (gone.signal.aborted) stats.cancelled += 1;
    else {
      console.error(error);
      response.destroy();
    }
  } finally {
    stats.open -= 1;
    stats.ended += 1;
  }
}

const json = (data) => `data: ${JSON.stringify(data)}\n\n`;
const text = (words) => words.split(/\r\n|\r|\n/).map((line) => `data: ${line}\n`).join('') + '\n';

function* minutes(first, last) {
  for (let n = first; n <= last; n += 1) yield `id: ${n}\n${json({ n, event: `minute ${n}` })}`;
}

async function* abandoned(signal) {
  yield* minutes(1, 3);
  await sleep(20, undefined, { signal });
  throw new Error('the reporter hung up');
}

async function* live(signal) {
  yield json({ n: 1, event: 'no goals yet' });
  for (;;) {
    const [goal] = await once(goals, 'goal', { signal });
    yield json(goal);
  }
}

async function* review(signal) {
  yield json({ n: 1, event: 'under review' });
  await sleep(300, undefined, { signal });
  yield json({ n: 2, event: 'goal stands' });
}

async function* clock(signal) {
  await sleep(100, undefined, { signal });
  for (let n = 1; ; n += 1) {
    yield json({ n });
    await sleep(20, undefined, { signal });
  }
}

function* frames(count) {
  for (let n = 1; n <= count; n += 1) yield json({ n, frame: randomBytes(720).toString('base64') });
}

const server = http.createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  const seen = Number(request.headers['last-event-id']) || 0;
  switch (pathname) {
    case '/match': return stream(response, () => minutes(1, 100));
    case '/match/replay':
      if (seen >= 100) return response.writeHead(204).end();
      return stream(response, () => minutes(seen + 1, 100));
    case '/match/postponed': return stream(response, () => []);
    case '/match/abandoned': return stream(response, abandoned);
    case '/match/live': return stream(response, live);
    case '/match/video': return stream(response, () => frames(Number(searchParams.get('n') ?? 1000)));
    case '/review': return stream(response, review);
    case '/clock': return stream(response, clock);
    case '/comments': return stream(response, () => COMMENTS.map(text));
    case '/stats': return response.setHeader('Content-Type', 'application/json').end(JSON.stringify(stats));
    default: return response.writeHead(404).end();
  }
});

server.listen(Number(process.argv[2]), '127.0.0.1');
