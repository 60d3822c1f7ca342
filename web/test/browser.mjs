// What stories share. Each is a script: node test/NAME.mjs CLAIM-LINK ARGUMENT…,
// with a token of the API as DAVIT_TOKEN, the browser as CHROMIUM, and as PATIENCE
// for how many milliseconds it waits for what must happen.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';
import { chromium } from 'playwright-core';

export const [link, ...args] = process.argv.slice(2);
export const { origin } = new URL(link);

export const ours = new Set([new URL(origin).host]); // what pages may ask
export const desktop = { width: 1280, height: 860 };
export const phone = { width: 390, height: 844 };

const patience = Number(process.env.PATIENCE ?? 180_000); // on a machine that has other things to do

// story runs what is told in a browser that reaches nothing but this machine.
// What a page complains about, or asks anybody else for, fails it.
export async function story(tell) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost'],
  });
  const complaints = [];
  const open = async (options = {}) => {
    const context = await browser.newContext({ viewport: desktop, ...options });
    context.setDefaultTimeout(patience);
    context.on('page', (page) => watch(page, complaints));
    return context.newPage();
  };
  try {
    await Promise.race([tell({ open, complaints }), pause(5 * patience, undefined, { ref: false }).then(() => assert.fail('it has no end'))]);
    assert.deepEqual(complaints, []);
  } catch (error) {
    if (complaints.length > 0) console.error(`the page complained: ${complaints.join('\n')}`);
    for (const page of browser.contexts().flatMap((context) => context.pages())) {
      console.error(`at ${page.url()}: ${await page.locator('body').innerText({ timeout: 5000 }).catch(() => 'nothing')}`);
    }
    // last, and in one line, what a reader of a long log of tests looks for
    const line = error.stack?.match(/at [^\n]*test\/(?!browser)\w+\.mjs:\d+/)?.[0] ?? '';
    console.error(error);
    console.error(`FAILED in "${during}" ${line}: ${stripVTControlCharacters(error.message).replace(/\s+/g, ' ')}`);
    await browser.close();
    process.exit(1);
  }
  await browser.close();
}

function watch(page, complaints) {
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
  page.on('request', (request) => {
    const { protocol, host } = new URL(request.url());
    if (!['data:', 'blob:'].includes(protocol) && !ours.has(host)) complaints.push(`asked ${request.url()}`);
  });
}

// forgive forgets the complaints a story knows the reason of.
export function forgive(complaints, reason) {
  complaints.splice(0, complaints.length, ...complaints.filter((text) => !reason.test(text)));
}

// signIn opens the claim link, of this server or as another address shows it.
export async function signIn(page, at = origin) {
  await page.goto(link.replace(origin, at));
  await page.getByRole('heading', { name: 'Projects', exact: true }).waitFor();
}

// until waits for what no page says.
export async function until(what, holds) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await holds();
    if (found) return found;
    assert.ok(Date.now() < end, `${what}: not within ${patience / 1000} s`);
    await pause(50);
  }
}

let during = 'the beginning';

// timed says how long a part of a story took.
export async function timed(name, part) {
  const start = Date.now();
  during = name;
  const found = await part();
  console.log(`${name}: ${((Date.now() - start) / 1000).toFixed(1)} s`);
  return found;
}
