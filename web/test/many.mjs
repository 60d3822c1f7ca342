// Fifty services change while one page shows them: node test/many.mjs CLAIM-LINK
// FOLDER, on a server that runs processes, makes them by the API and changes all
// of them behind the back of the page. It is never loaded again and never asks
// by the clock.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { change, createProject, createService, upload } from './api.mjs';
import { args, origin, signIn, story, timed, until } from './browser.mjs';

const [folder] = args;
const sites = 3; // that really go live; the others cannot without an engine
const names = Array.from({ length: 50 }, (_, i) => `Service ${String(i + 1).padStart(2, '0')}`);

// together does something for all, a few at a time.
async function together(all, what) {
  const rest = [...all.entries()];
  await Promise.all(Array.from({ length: 6 }, async () => {
    for (let next = rest.shift(); next; next = rest.shift()) await what(next[1], next[0]);
  }));
}

await story(async ({ open }) => {
  const page = await open();
  await signIn(page);
  const project = await createProject('Many');
  const services = [];
  await timed('50 services', () => together(names, async (name, i) => {
    const source = i < sites ? { upload: {} } : { image: { image: 'registry.test/none:v1' } };
    services[i] = await createService(project.id, name, { source, kind: i < sites ? 'STATIC_SITE' : 'WEB' });
  }));

  const asked = [];
  let unanswered = 0; // pings of the socket
  page.on('websocket', (socket) => {
    socket.on('framesent', ({ payload }) => { if (String(payload).includes('"ping"')) unanswered++; });
    socket.on('framereceived', ({ payload }) => { if (String(payload).includes('"pong"')) unanswered--; });
  });
  await page.clock.install(); // it runs on, until somebody turns it
  await page.goto(`${origin}/projects/many`);
  const cards = page.getByRole('article');
  const shown = (text) => cards.filter({ hasText: text }).count();
  await until('all are there', async () => (await shown('Not deployed')) === 50);
  await page.getByRole('button', { name: 'Live connection' }).waitFor();
  await page.evaluate(() => { window.same = true; });
  page.on('request', (request) => request.resourceType() !== 'websocket' && asked.push(`${request.method()} ${request.url()}`));

  // all begins and ends a wave of changes, which the page shows each by each.
  const wave = async (name, act, text, count) => {
    const before = asked.length;
    const start = Date.now();
    await timed(name, async () => {
      await together(services, act);
      await until(`${count} cards say ${text}`, async () => (await shown(text)) === count);
    });
    return { requests: asked.length - before, seconds: (Date.now() - start) / 1000 };
  };
  const waves = [
    await wave('deployed', async ({ id, instance }, i) => {
      const artifact = i < sites && { artifactId: await upload(id, folder) };
      await change('deploy', { serviceInstanceId: instance, ...artifact }, 'deployment{id}');
    }, /#1 failed:/, 50 - sites),
    await wave('renamed', async ({ id }, i) => change('updateService', { serviceId: id, name: `Renamed ${i}` }, 'service{id}'), /^Renamed \d+/, 50),
    await wave('deployed again', async ({ instance }, i) => i >= sites && change('deploy', { serviceInstanceId: instance }, 'deployment{id}'), /#2 failed:/, 50 - sites),
  ];
  await until('the sites are live', async () => (await shown('Running')) === sites);
  const settled = await until('it asks no more', async () => {
    const before = asked.length;
    await pause(700);
    return asked.length === before && before;
  });
  for (let second = 0; second < 120; second += 4) {
    await page.clock.runFor(4000);
    await until('the server answers', () => unanswered === 0);
  }
  await page.getByRole('button', { name: 'Live connection' }).waitFor();
  assert.equal(asked.length, settled, 'two minutes in which nothing happens ask nothing');
  console.log('waves:', JSON.stringify(waves));
  assert.ok(await page.evaluate(() => window.same), 'it was not loaded again');
  assert.deepEqual(asked.filter((what) => what !== `POST ${origin}/graphql`), []);
  for (const { requests, seconds } of waves) assert.ok(requests <= 3 + seconds / 0.15, `${requests} requests in ${seconds} s`);
});
