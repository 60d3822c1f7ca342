// A console that is left open: node test/memory.mjs CLAIM-LINK FOLDER shows a project
// and a log, while as much happens as in hours. What the pages hold at the end is
// what they held after a while.
import assert from 'node:assert/strict';
import { change, createProject, createService, upload } from './api.mjs';
import { args, origin, signIn, story, timed, until } from './browser.mjs';

const [folder] = args;
const megabyte = 1_000_000;

// The viewer keeps 64 MB of lines, and forgets a fifth of them when it has more:
// these fill it once, and then again.
const lines = { warm: 7_000, end: 12_000 };
const renamed = { warm: 150, end: 900 };

// held is what a page holds once what nothing needs is gone.
async function held(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  for (let i = 0; i < 3; i++) await session.send('HeapProfiler.collectGarbage');
  const { metrics } = await session.send('Performance.getMetrics');
  await session.detach();
  const of = (name) => metrics.find((m) => m.name === name).value;
  return { heap: of('JSHeapUsedSize'), nodes: of('Nodes'), listeners: of('JSEventListeners') };
}

await story(async ({ open }) => {
  const page = await open();
  await signIn(page);
  const project = await createProject('Memory');
  const services = [];
  for (let i = 0; i < 8; i++) services.push(await createService(project.id, `Idle ${i}`, { source: { image: { image: 'registry.test/none:v1' } } }));
  const chatty = await createService(project.id, 'Chatty', { kind: 'WORKER', source: { upload: {} } });
  await page.goto(`${origin}/projects/memory`);
  await page.getByRole('article', { name: 'Idle 7' }).waitFor();
  const reader = await page.context().newPage();
  await reader.goto(`${origin}/projects/memory/chatty/logs`);
  await reader.getByText('Waiting for lines…').waitFor();
  await change('deploy', { serviceInstanceId: chatty.instance, artifactId: await upload(chatty.id, folder) }, 'deployment{id}');

  const text = reader.getByRole('log').locator('.log-text').last();
  const newest = async () => Number((await text.textContent({ timeout: 5000 }).catch(() => '')).match(/^(\d+) /)?.[1] ?? 0);
  let turn = 0;
  const happens = async (what) => {
    for (; turn < renamed[what]; turn++) await change('updateService', { serviceId: services[turn % 8].id, name: `Turn ${turn}` }, 'service{id}');
    await page.getByRole('article', { name: `Turn ${turn - 1}`, exact: true }).waitFor();
    await until(`${lines[what]} lines`, async () => (await newest()) >= lines[what]);
    return { project: await held(page), log: await held(reader) };
  };
  const before = await timed('warm', () => happens('warm'));
  const after = await timed('end', () => happens('end'));
  for (const [name, most] of [['project', 3 * megabyte], ['log', 16 * megabyte]]) {
    const [a, b] = [before[name], after[name]];
    console.log(`${name}: ${(a.heap / megabyte).toFixed(1)} MB, then ${(b.heap / megabyte).toFixed(1)} MB; nodes ${a.nodes}, ${b.nodes}; listeners ${a.listeners}, ${b.listeners}`);
    assert.ok(b.heap - a.heap <= most, `${name}: the heap grew`);
    assert.ok(b.nodes <= 1.5 * a.nodes + 500, `${name}: nodes are left`);
    assert.ok(b.listeners <= 1.5 * a.listeners + 100, `${name}: listeners are left`);
  }
});
