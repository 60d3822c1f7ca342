// A log is read while the line is cut: node test/socket.mjs CLAIM-LINK IMAGE
// watches an application that prints numbered lines through a proxy that ends
// connections, refuses them, or swallows what comes. Afterwards every line is in
// the viewer, once and in order.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { change, createProject, createService } from './api.mjs';
import { args, forgive, origin, ours, signIn, story, timed, until } from './browser.mjs';

const rate = 100; // lines a second

// line is a proxy in front of the server.
async function line() {
  const { hostname, port } = new URL(origin);
  const pairs = new Set();
  let refuses = false;
  let refused = 0;
  const server = createServer((near) => {
    if (refuses) {
      refused++;
      near.destroy();
      return;
    }
    const far = connect({ host: hostname, port: Number(port) });
    const pair = { near, far, silent: false };
    pairs.add(pair);
    near.on('data', (data) => pair.silent || far.write(data));
    far.on('data', (data) => pair.silent || near.write(data));
    for (const end of [near, far]) {
      end.on('error', () => undefined);
      end.on('close', () => {
        pairs.delete(pair);
        near.destroy();
        far.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    get refused() { return refused; },
    cut: () => pairs.forEach(({ near }) => near.destroy()),
    refuse: (on) => { refuses = on; },
    silence: () => pairs.forEach((pair) => { pair.silent = true; }),
    close: () => server.close(),
  };
}

// walk reads the log from its first line to line `last`, row by row, as they are drawn.
const walk = async (last) => {
  const scroller = document.querySelector('[role=log]');
  const rows = new Map(); // what each row says
  const drawn = () => [...scroller.querySelectorAll('.log-line')];
  const box = scroller.getBoundingClientRect();
  const covered = () => {
    const all = drawn();
    const end = scroller.scrollTop + scroller.clientHeight >= scroller.scrollHeight - 60; // what is below the last row
    return all.length > 0 && all[0].getBoundingClientRect().top <= box.top + 1
      && (end || all.at(-1).getBoundingClientRect().bottom >= box.bottom) && all.every((row) => row.id);
  };
  while (![...rows.values()].includes(`line ${last}`)) {
    while (!covered()) await new Promise(requestAnimationFrame);
    for (const row of drawn()) rows.set(row.id, row.querySelector('.log-text')?.textContent ?? row.textContent);
    scroller.scrollTop += scroller.clientHeight / 2;
    await new Promise(requestAnimationFrame);
  }
  return [...rows.values()];
};

await story(async ({ open, complaints }) => {
  const proxy = await line();
  ours.add(new URL(proxy.origin).host);
  const page = await open({ viewport: { width: 1280, height: 1600 } });
  await signIn(page, proxy.origin);
  const project = await createProject('Lines');
  const { id, instance } = await createService(project.id, 'Printer', {
    source: { image: { image: args[0] } },
    variables: [{ name: 'APP_PRINT_RATE', value: String(rate) }],
    settings: { healthCheck: { kind: 'HTTP', path: '/healthz', interval: 'PT1S' } },
  });
  await change('deploy', { serviceInstanceId: instance }, 'deployment{id}');

  await page.clock.install(); // it runs on, until somebody turns it
  await page.goto(`${proxy.origin}/projects/lines/printer/logs`);
  const log = page.getByRole('log');
  const header = page.locator('header');
  const newest = async () => Number((await log.locator('.log-text').last().textContent({ timeout: 5000 }).catch(() => '')).match(/^line (\d+)$/)?.[1] ?? 0);
  const grows = async (from) => until(`more lines than ${from}`, async () => (await newest()) > from + rate / 4);
  await log.getByText(/^line \d+$/).first().waitFor();
  await grows(await newest());

  // away is one time at which the line is cut; back mends it.
  const away = async (name, cut, back) => {
    const at = await newest();
    await timed(name, async () => {
      await cut();
      await header.getByText('Reconnecting').waitFor();
      await back();
      await page.getByRole('button', { name: 'Live connection' }).waitFor();
      await grows(at);
    });
  };
  const refuse = () => {
    proxy.refuse(true);
    proxy.cut();
  };
  const mend = async (times) => {
    const before = proxy.refused;
    await until(`it tries ${times} times`, () => proxy.refused >= before + times);
    await log.getByText('The connection is lost.').waitFor();
    proxy.refuse(false);
  };
  await away('cut', refuse, () => mend(1));
  await away('cut again', refuse, () => mend(1));
  await away('cut for longer', refuse, async () => {
    await change('updateService', { serviceId: id, name: 'Renamed' }, 'service{id}'); // which nobody tells the page
    await mend(3);
  });
  await page.getByRole('heading', { name: /^Renamed/ }).waitFor();
  await away('silent', async () => {
    proxy.refuse(true);
    proxy.silence();
    await page.clock.runFor('00:20'); // nothing says that it is gone but that no answer comes
  }, () => mend(1));

  const last = await newest();
  const lines = await timed('read', async () => {
    await log.focus();
    await until('the first line is there', async () => {
      await page.keyboard.press('g');
      return log.getByText('line 1', { exact: true }).isVisible();
    });
    return page.evaluate(walk, last);
  });
  const numbers = lines.map((text) => /^line (\d+)$/.exec(text)?.[1]).filter(Boolean).map(Number);
  numbers.length = numbers.indexOf(last) + 1;
  console.log(`${last} lines over ${proxy.refused} refused connections`);
  assert.deepEqual(lines.filter((text) => /missing/.test(text)), []);
  assert.deepEqual(numbers, Array.from({ length: last }, (_, i) => i + 1));
  proxy.close();
  forgive(complaints, /WebSocket connection to|net::ERR_/);
});
