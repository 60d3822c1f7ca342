// The story of somebody who needs no terminal: node test/create.mjs CLAIM-LINK
// APPS REPOSITORY TOKEN ZIP IMAGE USER PASSWORD SSH KEYS makes services of a private
// repository, an archive, an example and a private image, changes how they run,
// runs a command, makes an environment, asks for a deploy key, and deploys by one
// once it is added to the file KEYS.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { get } from './api.mjs';
import { args, origin, signIn, story, timed } from './browser.mjs';

const [apps, repository, token, zip, image, user, password, ssh, keys] = args;

await story(async ({ open }) => {
  const page = await open();
  const dialog = page.getByRole('dialog');
  const button = (name) => page.getByRole('button', { name, exact: true });
  const textbox = (name) => page.getByRole('textbox', { name });
  const create = async (tab) => {
    await page.goto(`${origin}/create/harbour`);
    await page.getByRole('tab', { name: tab }).click();
  };
  const live = async (service, number = 1) => {
    await page.getByRole('heading', { name: `${service} #${number}` }).waitFor();
    await page.locator('header').getByText(/^Live/).waitFor();
  };
  const serves = async (service, text, path = '/') => assert.match((await get(apps, `${service}-harbour.localhost`, path)).text, text);

  await signIn(page);
  await button('New project').click();
  await textbox('Name').fill('Harbour');
  await button('Create project').click();
  await page.getByRole('heading', { name: 'Nothing to run yet' }).waitFor();

  await timed('of a private repository', async () => {
    await create('Git');
    await textbox('Repository').fill(repository);
    await button('Look').click();
    await textbox('Token').fill(token);
    await button('Look').click();
    await page.getByText('Dockerfile', { exact: true }).first().waitFor();
    await textbox('Root directory').fill('nowhere');
    await textbox('Root directory').blur();
    await page.getByText('What makes it buildable').waitFor();
    await textbox('Root directory').fill('site');
    await textbox('Root directory').blur();
    await page.getByText('Why').click();
    await page.getByText(/The source is built as/).waitFor();
    assert.equal(await textbox('Output directory').inputValue(), '.');
    assert.equal(await page.getByLabel('Kind').inputValue(), 'STATIC_SITE');
    await button('Create and deploy').click();
    await live('site');
    await serves('site', /Of the repository/);
  });

  await timed('of an archive', async () => {
    await create('Folder');
    await page.getByLabel('Archive to upload').setInputFiles(zip);
    await page.getByText('3 files').waitFor();
    await textbox('Name').fill('zipped');
    await page.getByLabel('Kind').selectOption('STATIC_SITE');
    await button('Create and deploy').click();
    await live('zipped');
    await serves('zipped', /Of the archive/);
    await serves('zipped', /Of the archive/, '/home'); // a link
  });

  await timed('of an example', async () => {
    await create('Example');
    await page.getByRole('radio', { name: /^Static site/ }).check({ force: true });
    await button('Create and deploy').click();
    await live('static-site');
  });

  await timed('of a private image', async () => {
    await create('Image');
    await textbox('Image').fill(image);
    await button('It is private…').click();
    await dialog.getByLabel('User name').fill(user);
    await dialog.getByLabel('Password or token').fill(password);
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText(`as ${user}`).waitFor();
    await button('Create and deploy').click();
    await live('app');
    await page.goto(`${origin}/registries`);
    await page.getByText('last opened an image').waitFor();
    assert.ok(!(await page.content()).includes(password), 'a password is shown to nobody');
  });

  const app = `${origin}/projects/harbour/app`;
  await timed('settings', async () => {
    await page.goto(`${app}/settings`);
    await button('Add a process').click();
    await textbox('Name of process 1').fill('worker');
    await textbox('Command of process 1').fill('/app --listen none');
    await button('Add a file').click();
    await textbox('Path of file 1').fill('/etc/app.conf');
    await textbox('Content of file 1').fill('a = 1');
    await page.getByLabel('Health check').selectOption('HTTP');
    await page.getByLabel('Path', { exact: true }).fill('/healthz');
    await page.getByText('4 changes, not applied yet').waitFor();
    await button('Apply and redeploy').click();
    await live('app', 2);
    await page.goto(app);
    await page.getByText('worker.0').waitFor();
    await button('More actions for app').click();
    await page.getByRole('menuitem', { name: 'Scale…' }).click();
    await dialog.getByLabel('worker').fill('2');
    await dialog.getByRole('button', { name: 'Scale', exact: true }).click();
    await page.getByText('worker.1').waitFor();
  });

  await timed('a command', async () => {
    await page.getByRole('link', { name: 'Runs' }).click();
    await button('Run a command').click();
    await dialog.getByLabel('Command', { exact: true }).fill('/app --listen none --print 3 --exit-after 1s --exit-code 3');
    await dialog.getByRole('button', { name: 'Run', exact: true }).click();
    await page.getByText('Exit code 3').first().waitFor();
    await page.getByRole('log').getByText('End of the log').or(page.getByText('The command ended.')).first().waitFor();
    await button('All runs').click();
    await button('/app --listen none --print 3 --exit-after 1s --exit-code 3').waitFor();
  });

  await timed('environments, and another name', async () => {
    const menu = async (item) => {
      await button('More about this project').click();
      await page.getByRole('menuitem', { name: item }).click();
    };
    await page.goto(`${origin}/projects/harbour`);
    await menu('New environment…');
    await dialog.getByLabel('Name').fill('Staging');
    await dialog.getByRole('button', { name: 'Create', exact: true }).click();
    await page.waitForURL(/env=staging/);
    await page.getByRole('article', { name: 'app' }).getByText('Not deployed').waitFor();
    await menu('Delete environment…');
    await dialog.getByRole('textbox').fill('staging');
    await dialog.getByRole('button', { name: 'Delete environment' }).click();
    await page.getByRole('article', { name: 'app' }).getByText('Running').waitFor();
    await menu('Rename project…');
    await dialog.getByLabel('Name', { exact: true }).fill('Port');
    await dialog.getByRole('button', { name: 'Rename', exact: true }).click();
    await page.getByRole('heading', { name: 'Port', exact: true }).waitFor();
  });

  await timed('a deploy key', async () => {
    await create('Git');
    await textbox('Repository').fill('git@forge.example:team/shop.git');
    await button('Create and make a key').click();
    const key = page.getByText(/^ssh-ed25519 /);
    const made = await key.innerText();
    await button('Later').click();
    await page.getByRole('heading', { name: 'Never deployed here' }).waitFor();
    await page.getByRole('link', { name: 'Settings' }).click();
    assert.equal(await key.innerText(), made);
  });

  await timed('a deploy key that is added', async () => {
    await create('Git');
    await textbox('Repository').fill(ssh);
    await textbox('Root directory').fill('site');
    await textbox('Name').fill('keyed');
    await page.getByLabel('Kind').selectOption('STATIC_SITE');
    await button('Create and make a key').click();
    const key = await page.getByText(/^ssh-ed25519 /).innerText();
    await button('It is added: deploy').click(); // it is not
    const failure = page.getByRole('region', { name: /./ }).filter({ has: page.getByText('Yours to mend') });
    await failure.getByRole('heading', { name: /does not accept the deploy key\.$/ }).waitFor();
    await failure.getByText('Add its public half to the repository.').waitFor();
    writeFileSync(keys, `${key}\n`);
    await failure.getByRole('button', { name: 'Deploy again' }).click();
    await live('keyed', 2);
    await serves('keyed', /Of the repository/);
  });
});
