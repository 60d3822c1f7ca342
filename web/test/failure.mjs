// The story of a bad day: node test/failure.mjs CLAIM-LINK APPS FOLDERS deploys
// folders of test/console to an engine. One is watched while it is built and
// canceled, one goes live, one does not build, one ends at once and is mended
// by a variable; then it goes back, and one that is never healthy is mended by a
// setting. Whoever asks is answered all the while.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { get } from './api.mjs';
import { args, origin, signIn, story, timed, until } from './browser.mjs';

const [apps, folders] = args;
const host = 'web-harbour.localhost';

// visit asks the application again and again until it is told to end, and says how it was answered.
function visit() {
  const seen = new Map(); // how often each answer came
  let over = false;
  const visits = (async () => {
    while (!over) {
      const answer = await get(apps, host).then(({ status, text }) => (status === 200 ? text : `${status} ${text}`), String);
      seen.set(answer, (seen.get(answer) ?? 0) + 1);
      await pause(20);
    }
  })();
  return async () => {
    over = true;
    await visits;
    return seen;
  };
}

await story(async ({ open }) => {
  const page = await open();
  const dialog = page.getByRole('dialog');
  const log = page.getByRole('log');
  const ladder = page.getByRole('listitem');
  const failure = page.getByRole('region', { name: /./ }).filter({ has: page.getByText('Yours to mend') });
  const pack = async (folder) => {
    await page.getByLabel('Folder to upload').setInputFiles(join(folders, folder));
    await page.getByText(/KB packed|B packed/).waitFor();
  };
  const send = async (folder) => {
    await page.goto(`${origin}/projects/harbour/web`);
    await page.getByRole('button', { name: 'More actions for Web' }).click();
    await page.getByRole('menuitem', { name: 'Upload and deploy…' }).click();
    await pack(folder);
    await dialog.getByRole('button', { name: 'Upload and deploy' }).click();
  };
  const at = (number) => page.getByRole('heading', { name: `Web #${number}` }).waitFor();
  const state = (text) => page.locator('header').getByText(text).waitFor();
  const serves = async (text) => assert.deepEqual(await get(apps, host), { status: 200, text });

  await signIn(page);
  await page.getByRole('button', { name: 'New project' }).click();
  await page.getByLabel('Name').fill('Harbour');
  await page.getByRole('button', { name: 'Create project' }).click();
  await page.getByRole('link', { name: 'New service' }).click();
  await page.getByRole('tab', { name: 'Folder' }).click();
  await pack('slow');
  await page.getByLabel('Name').fill('Web');
  await page.getByRole('button', { name: 'Create and deploy' }).click();

  await timed('watched and canceled', async () => {
    await at(1);
    await ladder.getByText('Build an image: under way').waitFor();
    await ladder.getByText(/RUN .*compiling/).waitFor();
    await log.getByText(/compiling part \d/).first().waitFor();
    const lines = await log.getByText(/compiling part \d/).count();
    await until('more lines come', async () => (await log.getByText(/compiling part \d/).count()) > lines);
    await state('Building');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await dialog.getByRole('button', { name: 'Cancel the deployment' }).click();
    await state('Canceled');
    await ladder.getByText('Build an image: stopped').waitFor();
  });

  await timed('live', async () => {
    await send('one');
    await at(2);
    await state(/^Live/);
    await log.getByText('listening on').waitFor();
    await serves('one');
  });
  const visited = visit();

  await timed('a build that fails', async () => {
    await send('unbuilt');
    await at(3);
    await failure.getByRole('heading', { name: /Line 2 of the Dockerfile/ }).waitFor();
    await failure.getByText('Its last lines say why').waitFor();
    await failure.getByText('BUILD_FAILED').waitFor();
    await failure.getByText('#2 goes on serving.').waitFor();
    await failure.getByRole('group', { name: 'Last lines' }).getByText('no such wind').waitFor();
    await ladder.getByText('Build an image: failed').waitFor();
    await state('Failed');
    await serves('one');
  });

  await timed('an application that ends at once', async () => {
    await send('two');
    await at(4);
    await failure.getByRole('heading', { name: /ended with exit code 7/ }).waitFor();
    await failure.getByText('APP_EXITED').waitFor();
    await failure.getByRole('definition').getByText('7', { exact: true }).waitFor();
    await failure.getByRole('group', { name: 'Last lines' }).getByText('line 3').first().waitFor();
    await failure.getByText('#2 goes on serving.').waitFor();
    await serves('one');
  });

  await timed('mended and live', async () => {
    const address = page.url();
    await failure.getByRole('button', { name: 'Variables' }).click();
    await page.getByRole('button', { name: 'Add variable' }).click();
    await dialog.getByLabel('Name').fill('APP_EXIT_AFTER');
    await dialog.getByLabel('Value').fill('-1s');
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('APP_EXIT_AFTER', { exact: true }).waitFor();
    await page.goto(address);
    await failure.getByRole('button', { name: 'Deploy again' }).click();
    await at(5);
    await state(/^Live/);
    await serves('two');
  });

  await timed('back', async () => {
    await page.goto(`${origin}/projects/harbour/web/deployments`);
    await page.getByRole('button', { name: 'Roll back to #2' }).click();
    await dialog.getByText('#5').waitFor(); // the code now, and then
    await dialog.getByText('#2', { exact: true }).waitFor();
    await dialog.getByRole('listitem').filter({ hasText: 'APP_EXIT_AFTER' }).getByText('removed').waitFor();
    await dialog.getByRole('button', { name: 'Roll back', exact: true }).click();
    await at(6);
    await state(/^Live/);
    await serves('one');
  });

  await timed('an application that is never healthy', async () => {
    await page.goto(`${origin}/projects/harbour/web/settings`);
    await page.getByLabel('Health check').selectOption('HTTP');
    await page.getByLabel('Path', { exact: true }).fill('/healthz');
    await page.getByLabel('Time to start').fill('3');
    await page.getByRole('button', { name: 'Save for the next deployment' }).click();
    await page.getByText('Settings are changed', { exact: true }).waitFor();
    await send('three');
    await at(7);
    await failure.getByRole('heading', { name: 'The application was not healthy within 3s: GET /healthz answered 503.' }).waitFor();
    await failure.getByText('Check the path and the port of the health check, or give it a longer start period.').waitFor();
    await failure.getByText('APP_UNHEALTHY').waitFor();
    await failure.getByText('#6 goes on serving.').waitFor();
    await failure.getByRole('group', { name: 'Last lines' }).getByText('listening on').waitFor();
    await ladder.getByText('Wait until they are healthy: failed').waitFor();
    await state('Failed');
    await serves('one');
  });

  await timed('mended by a setting', async () => {
    await failure.getByRole('button', { name: 'Settings' }).click();
    await page.getByLabel('Path', { exact: true }).fill('/');
    await page.getByLabel('Time to start').fill('30');
    await page.getByText('#7 failed. To redeploy takes what serves, #6.').waitFor();
    await page.getByRole('button', { name: 'Apply and deploy anew' }).click();
    await at(8);
    await state(/^Live/);
    await serves('three');
  });

  const seen = await visited();
  console.log('answers:', Object.fromEntries(seen));
  assert.deepEqual([...seen.keys()].sort(), ['one', 'three', 'two'], 'every request was answered');
});
