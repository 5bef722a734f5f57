// The same ticker as many first versions of it are written: `write` without a look at what it returns, texts put into
// one `data:` line as they are, and an answer that is always ended in `finally`.
import { randomBytes } from 'node:crypto';
import http from 'node:http';

const COMMENTS = ['Kick-off', 'Corner.\nHeader.\nGoal!', 'Yellow card\r\nfor the keeper', 'One\n\nthree', '½ time 😀'];
const stats = { produced: 0, open: 0, cancelled: 0, ended: 0 };

function start(request, response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  stats.open += 1;
  response.on('close', () => {
    stats.open -= 1;
    stats.ended += 1;
    if (!response.writableFinished) stats.cancelled += 1;
  });
}

function send(response, data) {
  stats.produced += 1;
  response.write(`data: ${data}\n\n`);
}

function sendMinutes(response, count) {
  for (let n = 1; n <= count; n += 1) send(response, JSON.stringify({ n, event: `minute ${n}` }));
}

const routes = {
  '/match': (response) => {
    sendMinutes(response, 100);
    response.end();
  },
  '/match/postponed': (response) => response.end(),
  '/match/abandoned': (response) => {
    try {
      sendMinutes(response, 3);
      throw new Error('the reporter hung up');
    } catch (error) {
      console.error(error);
    } finally {
      response.end();
    }
  },
  '/match/live': (response) => send(response, JSON.stringify({ n: 1, event: 'no goals yet' })),
  '/match/video': (response, query) => {
    for (let n = 1; n <= Number(query.get('n') ?? 1000); n += 1) {
      send(response, JSON.stringify({ n, frame: randomBytes(720).toString('base64') }));
    }
    response.end();
  },
  '/review': (response) => {
    send(response, JSON.stringify({ n: 1, event: 'under review' }));
    setTimeout(() => {
      send(response, JSON.stringify({ n: 2, event: 'goal stands' }));
      response.end();
    }, 300);
  },
  '/clock': (response) => {
    let n = 0;
    const tick = () => {
      n += 1;
      send(response, JSON.stringify({ n }));
      timer = setTimeout(tick, 20);
    };
    let timer = setTimeout(tick, 100);
    response.on('close', () => clearTimeout(timer));
  },
  '/comments': (response) => {
    for (const comment of COMMENTS) send(response, comment);
    response.end();
  },
};

const server = http.createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  if (pathname === '/stats') {
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(stats));
  } else if (routes[pathname]) {
    start(request, response);
    routes[pathname](response, searchParams);
  } else {
    response.writeHead(404).end();
  }
});

server.listen(Number(process.argv[2]), '127.0.0.1');
