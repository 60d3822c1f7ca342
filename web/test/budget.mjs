// What the main pages cost who opens them for the first time: node test/budget.mjs
// CLAIM-LINK after many.mjs. Bytes are those of the network, without answers of
// the API, which depend on what there is.
import assert from 'node:assert/strict';
import { ask } from './api.mjs';
import { origin, signIn, story } from './browser.mjs';

const kilobyte = 1000;
const slow = 200; // milliseconds; the table has how many tasks were longer, which depends on the machine

await story(async ({ open }) => {
  const first = await open();
  await signIn(first);
  const signedIn = await first.context().storageState();
  const { service: { slug, instances: [{ deployments: { nodes: [{ id }] } }] } } = await ask(
    '{service(workspace:"default",project:"many",slug:"service-01"){slug instances{deployments(first:1){nodes{id}}}}}',
  );
  const service = `/projects/many/${slug}`;
  const pages = [
    // path, what shows that it is there, kilobytes and requests at most
    ['/login', 'Sign in to Davit', 180, 18, { signedOut: true }],
    ['/', 'Many', 200, 24],
    ['/projects/many', 'Renamed 0', 215, 32],
    ['/create/many', 'Create and deploy', 220, 32],
    [service, 'Latest deployments', 225, 38],
    [`${service}/logs`, 'Waiting for lines', 255, 38],
    [`${service}/variables`, 'Add variable', 225, 38],
    [`${service}/settings`, 'Build command', 225, 38],
    [`${service}/deployments/${id}`, 'What happened', 255, 38],
  ];
  const over = [];
  console.log('page                                     KB  of at most   requests  of at most   of the API   ready ms   long tasks');
  for (const [path, text, kilobytes, requests, { signedOut } = {}] of pages) {
    const page = await open(signedOut ? {} : { storageState: signedIn });
    const asked = new Set(); // once each, though a network that changes makes the page ask again
    let api = 0;
    page.on('request', (request) => (new URL(request.url()).pathname === '/graphql' ? api++ : asked.add(request.url())));
    await page.addInitScript(() => {
      window.longTasks = [];
      new PerformanceObserver((list) => window.longTasks.push(...list.getEntries().map((e) => e.duration))).observe({ type: 'longtask', buffered: true });
    });
    const start = Date.now();
    await page.goto(`${origin}${path}`);
    await page.getByText(text).first().waitFor();
    const ready = Date.now() - start;
    await page.waitForLoadState('networkidle');
    const { bytes, long } = await page.evaluate((longer) => ({
      bytes: performance.getEntries().reduce((sum, e) => sum + (/navigation|resource/.test(e.entryType) && !e.name.endsWith('/graphql') ? e.encodedBodySize : 0), 0),
      long: window.longTasks.filter((ms) => ms > longer).length,
    }), slow);
    const size = Math.round(bytes / kilobyte);
    const name = path.replace(/dep_\w+/, 'dep_…');
    console.log(`${name.padEnd(38)}${[size, kilobytes, asked.size, requests, api, ready, long].map((n, i) => String(n).padStart([5, 12, 11, 12, 13, 11, 13][i])).join('')}`);
    if (bytes < 50 * kilobyte || size > kilobytes || asked.size > requests) over.push(name);
    await page.context().close();
  }
  assert.deepEqual(over, []);
});
