// What axe-core finds on the pages and dialogs of a project that lived through
// failure.mjs: node test/axe.mjs CLAIM-LINK FOLDERS. Each is looked at as it is on
// a desktop and on a phone, light and dark, and photographed if PICTURES is a
// directory to keep that in.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ask, change, createService, upload } from './api.mjs';
import { args, desktop, origin, phone, signIn, story } from './browser.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const pictures = process.env.PICTURES;
if (pictures) mkdirSync(pictures, { recursive: true });

// In the dark only colours are others.
const looks = [
  ['light, desktop', 'light', desktop, null],
  ['dark, desktop', 'dark', desktop, ['color-contrast', 'link-in-text-block']],
  ['dark, phone', 'dark', phone, ['color-contrast', 'link-in-text-block']],
  ['light, phone', 'light', phone, null],
];

// still lets nothing move: what is half faded in has other colours.
const still = () => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync('*, *::before, *::after, *::backdrop { transition: none !important; animation: none !important }');
  document.adoptedStyleSheets = [sheet];
};

const violations = ({ part, rules }) =>
  window.axe
    .run(part, { resultTypes: ['violations'], ...(rules && { runOnly: { type: 'rule', values: rules } }) })
    .then(({ violations: all }) => all.flatMap((v) => v.nodes.map((n) => `${v.id}: ${n.target.join(' ')}: ${n.any[0]?.message ?? n.all[0]?.message ?? v.help}`)));

// deployColours makes a service whose log has every colour.
async function deployColours() {
  const { project } = await ask('{project(workspace:"default",slug:"harbour"){id}}');
  const { id, instance } = await createService(project.id, 'Colours', { kind: 'WORKER', source: { upload: {} } });
  await change('deploy', { serviceInstanceId: instance, artifactId: await upload(id, join(args[0], 'colours')) }, 'deployment{id}');
}

await story(async ({ open }) => {
  await deployColours();
  const found = [];
  let seen = 0;
  const check = async (page, name, { part = 'html', height } = {}) => {
    if (!(await page.evaluate(() => 'axe' in window))) {
      await page.evaluate(axe);
      await page.evaluate(still);
    }
    for (const [look, colorScheme, viewport, rules] of looks) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ ...viewport, ...(height && { height }) });
      found.push(...(await page.evaluate(violations, { part, rules })).map((text) => `${name}, ${look}: ${text}`));
      seen++;
      if (pictures) await page.screenshot({ path: join(pictures, `${`${name} ${look}`.toLowerCase().replace(/[^a-z]+/g, '-')}.png`) });
    }
    await page.setViewportSize(desktop);
  };

  const page = await open();
  const dialog = page.getByRole('dialog');
  const go = async (path, ready) => {
    await page.goto(`${origin}${path}`);
    await page.getByLabel('Loading').first().waitFor({ state: 'detached' });
    await ready.first().waitFor();
  };
  // asking looks at a dialog, which Escape closes.
  const asking = async (name, opens) => {
    await opens();
    await dialog.waitFor();
    await check(page, name);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  };
  const more = (item) => async () => {
    await page.getByRole('button', { name: 'More actions for Web' }).click();
    await page.getByRole('menuitem', { name: item, exact: true }).click();
  };
  const press = (name) => () => page.getByRole('button', { name }).first().click();

  await page.goto(`${origin}/login`);
  await page.getByRole('heading', { name: 'Sign in to Davit' }).waitFor();
  await check(page, 'sign in');
  await signIn(page);
  await go('/', page.getByText('Harbour'));
  await check(page, 'projects');
  await asking('new project', press('New project'));
  await asking('go to', press(/Go to/));
  await asking('behind', press('The API behind this page'));
  await go('/platform', page.getByRole('heading', { level: 1 }));
  await check(page, 'platform');
  const looked = await page.locator('main time').first().getAttribute('datetime');
  await page.locator(`main time[datetime="${looked}"]`).waitFor({ state: 'detached' }); // it is looked at again by itself
  await go('/registries', page.getByText('No registry credentials'));
  await check(page, 'registries');
  await asking('add a credential', press('Add credential'));
  await go('/nowhere', page.getByText('There is nothing here'));
  await check(page, 'nothing there');

  await go('/projects/harbour', page.getByRole('article', { name: 'Web' }));
  await check(page, 'project');
  for (const item of ['Rename project…', 'New environment…', 'Change environment…', 'Delete project…']) {
    await asking(item, async () => {
      await press('More about this project')();
      await page.getByRole('menuitem', { name: item }).click();
    });
  }
  await go('/create/harbour', page.getByRole('tab', { name: 'Git' }));
  await check(page, 'new service');
  for (const tab of ['Folder', 'Image', 'Example']) {
    await page.getByRole('tab', { name: tab }).click();
    await check(page, `new service, ${tab}`);
  }

  const service = '/projects/harbour/web';
  await go(service, page.getByRole('heading', { name: 'Latest deployments' }));
  await check(page, 'service');
  await press('More actions for Web')();
  await page.getByRole('menuitem', { name: 'Redeploy' }).waitFor();
  await check(page, 'menu of a service', { part: '[role=menu]' }); // it hangs beside the page
  await page.keyboard.press('Escape');
  await asking('deploy', press('Deploy'));
  for (const item of ['Upload and deploy…', 'Run a command…', 'Scale…', 'Stop…', 'Delete service…']) await asking(item, more(item));

  await go(`${service}/deployments`, page.getByText('#8').first());
  await check(page, 'deployments');
  await asking('roll back', async () => {
    await press(/^Roll back to #5/)();
    await dialog.getByRole('heading', { name: 'Variables' }).waitFor();
  });
  await go('/projects/harbour/colours/logs', page.getByRole('log').getByText('of a program'));
  await check(page, 'logs', { height: 2400 }); // all of them
  await asking('go to a time', press('Go to a time'));
  await asking('keys of a log', press('Keyboard and filter'));
  await go(`${service}/runs`, page.getByText('Nothing was run yet'));
  await check(page, 'runs');
  await go(`${service}/variables`, page.getByText('APP_EXIT_AFTER').first());
  await check(page, 'variables');
  await asking('add a variable', press('Add variable'));
  await asking('paste .env', press('Paste .env'));
  await go(`${service}/settings`, page.getByRole('heading', { name: 'Health' }));
  await page.getByLabel('Port', { exact: true }).fill('99999'); // which is none
  await page.getByRole('button', { name: 'Add a process' }).click();
  await page.getByRole('button', { name: 'Add a file' }).click();
  await check(page, 'settings');

  const { service: { instances: [{ deployments: { nodes } }] } } = await ask(
    '{service(workspace:"default",project:"harbour",slug:"web"){instances{deployments(first:10){nodes{id number}}}}}',
  );
  for (const [number, name] of [[8, 'live'], [7, 'never healthy'], [4, 'application ended'], [3, 'not built'], [1, 'canceled']]) {
    const { id } = nodes.find((d) => d.number === number);
    await go(`${service}/deployments/${id}`, page.getByRole('heading', { name: `Web #${number}` }));
    await page.getByRole('log').getByRole('time').first().waitFor();
    await check(page, `deployment, ${name}`);
  }
  console.log(`${seen} looks at pages and dialogs`);
  assert.deepEqual(found, []);
});
