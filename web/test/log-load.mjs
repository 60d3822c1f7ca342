// Loads the log viewer and times its frames, as a program on the other end of
// stdin says: node test/log-load.mjs ORIGIN PATH, signed in by DAVIT_TOKEN. Each
// line of stdin is something to do, each line of stdout what came of it, in JSON.
// CHROMIUM names another browser than Debian's, PROFILE a directory for a profile
// of each turn, which Chrome's developer tools show.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { chromium } from 'playwright-core';

const [origin, path] = process.argv.slice(2);
const idleTime = 5000;
const dragTime = 10_000;
const typed = ['7', ' -13', '', '/[05]$/', 'line', '']; // '' clears it
const complaints = [];

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const system = await browser.newBrowserCDPSession();
const tab = await browser.newPage({ viewport: { width: 1280, height: 900 } });
tab.setDefaultTimeout(60_000);
tab.on('pageerror', (error) => complaints.push(String(error)));
tab.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));

// cpu is what drawing the page used so far, in seconds: its renderer, and the
// process that would be the graphics card's.
async function cpu() {
  const { processInfo } = await system.send('SystemInfo.getProcessInfo');
  return processInfo.filter((p) => p.type === 'renderer' || p.type === 'GPU').reduce((sum, p) => sum + p.cpuTime, 0);
}

// profile begins one, and returns what ends and saves it.
async function profile(name) {
  if (!process.env.PROFILE) return () => undefined;
  const devtools = await tab.context().newCDPSession(tab);
  await devtools.send('Profiler.enable');
  await devtools.send('Profiler.start');
  return async () => {
    const { profile } = await devtools.send('Profiler.stop');
    await writeFile(join(process.env.PROFILE, `${name}.cpuprofile`), JSON.stringify(profile));
  };
}

// begin and end run in the page and time its frames.
function begin() {
  const frames = [];
  let last = performance.now();
  window.timing = { frames, began: last, on: true };
  const frame = (now) => {
    frames.push(now - last);
    last = now;
    if (window.timing.on) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

function end() {
  window.timing.on = false;
  return { frames: window.timing.frames.slice(1), seconds: (performance.now() - window.timing.began) / 1000 };
}

// read scrolls to the beginning as fast as older lines come, and ends there.
function read() {
  const log = document.querySelector('[role=log]');
  const settled = 1500; // milliseconds in which nothing came
  return new Promise((resolve) => {
    let height = 0;
    let since = performance.now();
    const step = (now) => {
      log.scrollTop = 0;
      if (log.scrollHeight !== height) since = now;
      height = log.scrollHeight;
      if (now - since < settled) requestAnimationFrame(step);
      else resolve(Math.round((height - 34) / 17)); // without its foot, of rows
    };
    requestAnimationFrame(step);
  });
}

// drag goes from where one is to the other end of the log, evenly.
function drag(milliseconds) {
  const log = document.querySelector('[role=log]');
  const from = log.scrollTop;
  const way = log.scrollHeight - log.clientHeight;
  const to = from > way / 2 ? 0 : way;
  const began = performance.now();
  return new Promise((resolve) => {
    const step = (now) => {
      const part = Math.max(0, Math.min(1, (now - began) / milliseconds));
      log.scrollTop = from + part * (to - from);
      if (part < 1) requestAnimationFrame(step);
      else resolve();
    };
    requestAnimationFrame(step);
  });
}

const work = {
  idle: () => tab.waitForTimeout(idleTime),
  filter: async () => {
    for (const text of typed) {
      const input = tab.getByLabel('Filter', { exact: true });
      if (text === '') await input.fill('');
      else await input.pressSequentially(text, { delay: 90 });
      await tab.waitForTimeout(1500);
    }
    return tab.evaluate(() => document.querySelectorAll('.log-line').length);
  },
  read: () => tab.evaluate(read),
  scroll: () => tab.evaluate(drag, dragTime),
};

try {
  await tab.goto(new URL('/login', origin).href);
  await tab.getByLabel('API token').fill(process.env.DAVIT_TOKEN);
  await tab.getByRole('button', { name: 'Sign in' }).click();
  await tab.getByRole('heading', { name: 'Projects', exact: true }).waitFor();
  await tab.goto(new URL(path, origin).href);
  await tab.getByText('Waiting for lines').waitFor();
  await tab.waitForTimeout(1000);
  complaints.length = 0; // who is not signed in gets a 401, which browsers complain of
  console.log('{}');
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'cpu') console.log(JSON.stringify({ cpu: await cpu() }));
    else {
      const save = await profile(line);
      await tab.evaluate(begin);
      const rows = (await work[line]()) ?? 0;
      const timed = await tab.evaluate(end);
      await save();
      console.log(JSON.stringify({ ...timed, rows, complaints: complaints.splice(0) }));
    }
  }
} finally {
  await browser.close();
}
