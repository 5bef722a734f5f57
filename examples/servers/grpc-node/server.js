// A parcel service over gRPC on @grpc/grpc-js: server streams of lines, each a JSON text. Writes wait for `drain`, a
// failure is a status. With the word `naive` it is as many first versions are: `write` without a look at what it
// returns, and `end()` in `finally`.
const { randomBytes } = require('node:crypto');
const { EventEmitter, once } = require('node:events');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const grpc = require('@grpc/grpc-js');
const { loadSync } = require('@grpc/proto-loader');

const scanner = new EventEmitter();
const { parcels } = grpc.loadPackageDefinition(loadSync(path.join(__dirname, 'parcels.proto')));

async function* day(count) {
  for (let n = 1; n <= count; n += 1) yield { n, parcel: `parcel ${n}` };
}

async function* customs() {
  yield* day(3);
  throw Object.assign(new Error('the fourth parcel is held'), { code: grpc.status.UNAVAILABLE });
}

async function* arriving(query, signal) {
  yield { n: 1, parcel: 'the last one so far' };
  for (;;) {
    const [parcel] = await once(scanner, 'parcel', { signal });
    yield parcel;
  }
}

async function* handover(query, signal) {
  yield { n: 1, state: 'asked' };
  await sleep(300, undefined, { signal });
  yield { n: 2, state: 'signed' };
}

async function* van(query, signal) {
  for (let n = 1; ; n += 1) {
    yield { n };
    await sleep(20, undefined, { signal });
  }
}

async function* labels(query) {
  for (let n = 1; n <= Number(query); n += 1) yield { n, label: randomBytes(720).toString('base64') };
}

function careful(items) {
  return async (call) => {
    const gone = new AbortController();
    call.on('cancelled', () => gone.abort());
    try {
      for await (const item of items(call.request.text, gone.signal)) {
        if (gone.signal.aborted) break;
        if (!call.write({ text: JSON.stringify(item) })) await once(call, 'drain', { signal: gone.signal });
      }
      call.end();
    } catch (error) {
      if (!gone.signal.aborted) call.emit('error', error);
    }
  };
}

function naive(items) {
  return async (call) => {
    const gone = new AbortController();
    call.on('cancelled', () => gone.abort());
    try {
      for await (const item of items(call.request.text, gone.signal)) call.write({ text: JSON.stringify(item) });
    } catch (error) {
      console.error(error.message);
    } finally {
      call.end();
    }
  };
}

const style = process.argv[3] === 'naive' ? naive : careful;
const server = new grpc.Server();
server.addService(parcels.Parcels.service, {
  Day: style(() => day(100)),
  Night: style(() => day(0)),
  Customs: style(customs),
  Arriving: style(arriving),
  Handover: style(handover),
  Van: style(van),
  Labels: style(labels),
});
server.bindAsync(`127.0.0.1:${process.argv[2]}`, grpc.ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
