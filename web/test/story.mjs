// The story of somebody who arrives: node test/story.mjs CLAIM-LINK FOLDER
// signs in by the link, makes a project, sends the folder, watches it go live,
// reads its log, sends it again, goes back, deletes it, and signs out.
import assert from 'node:assert/strict';
import { args, forgive, link, origin, signIn, story } from './browser.mjs';

const [folder] = args;

await story(async ({ open, complaints }) => {
  const page = await open();
  await signIn(page);
  assert.equal(page.url(), `${origin}/`, 'the secret is gone from the address');
  await page.getByRole('heading', { name: 'No projects yet' }).waitFor();
  await page.getByRole('button', { name: 'New project' }).click();
  await page.getByLabel('Name').fill('Harbour');
  await page.getByRole('button', { name: 'Create project' }).click();
  await page.getByRole('heading', { name: 'Harbour' }).waitFor();
  await page.getByRole('link', { name: 'New service' }).click();
  await page.getByRole('tab', { name: 'Folder' }).click();
  await page.getByLabel('Folder to upload').setInputFiles(folder);
  await page.getByText(/KB packed|B packed/).waitFor();
  await page.getByLabel('Name').fill('Pages');
  await page.getByLabel('Kind').selectOption('STATIC_SITE');
  await page.getByRole('button', { name: 'Create and deploy' }).click();

  await page.waitForURL(/\/projects\/harbour\/pages\/deployments\/dep_/);
  await page.getByRole('heading', { name: 'Pages #1' }).waitFor();
  await page.locator('h1').getByText('Live').or(page.getByText('Live', { exact: true })).first().waitFor();
  assert.match(await page.title(), /Pages #1/);

  await page.goto(`${origin}/projects/harbour`);
  await page.getByRole('article', { name: 'Pages' }).getByText('Running').waitFor();
  await page.getByRole('link', { name: 'Pages', exact: true }).click();
  await page.getByRole('link', { name: 'Logs' }).click();
  await page.getByText(/files/).first().waitFor();

  await page.getByRole('link', { name: 'Variables' }).click();
  await page.getByRole('button', { name: 'Paste .env' }).click();
  await page.getByRole('dialog').getByLabel('Variables').fill('REGION=eu\nNAME="a b"');
  await page.getByRole('button', { name: 'Set 2 variables' }).click();
  await page.getByText('REGION', { exact: true }).waitFor();

  const service = `${origin}/projects/harbour/pages`;
  const more = async (item) => {
    await page.getByRole('button', { name: 'More actions for Pages' }).click();
    await page.getByRole('menuitem', { name: item, exact: true }).click();
  };
  const dialog = page.getByRole('dialog');
  const live = async (number) => {
    await page.getByRole('heading', { name: `Pages #${number}` }).waitFor();
    await page.locator('header').getByText(/^Live/).waitFor(); // what it replaced may yet finish its requests
  };
  await more('Upload and deploy…');
  await dialog.getByLabel('Folder to upload').setInputFiles(folder);
  await dialog.getByText(/KB packed|B packed/).waitFor();
  await dialog.getByRole('button', { name: 'Upload and deploy' }).click();
  await live(2);
  await page.goto(`${service}/deployments`);
  await page.getByRole('button', { name: 'Roll back to #1' }).click();
  await dialog.getByText('REGION', { exact: true }).waitFor(); // set since, so it goes
  await dialog.getByRole('button', { name: 'Roll back', exact: true }).click();
  await live(3);
  await page.goto(service);
  await more('Redeploy');
  await live(4);

  await page.goto(`${service}/variables`);
  await page.getByRole('button', { name: 'Add variable' }).click();
  await dialog.getByLabel('Name').fill('TOKEN');
  await dialog.getByLabel('Value').fill('not-to-be-seen');
  await dialog.getByLabel('Secret').check();
  await dialog.getByRole('button', { name: 'Add', exact: true }).click();
  await page.getByText('TOKEN', { exact: true }).waitFor();
  assert.doesNotMatch(await page.content(), /not-to-be-seen/);
  await page.getByRole('button', { name: 'Unset TOKEN' }).click();
  await dialog.getByRole('button', { name: 'Unset', exact: true }).click();
  await page.getByText('TOKEN', { exact: true }).waitFor({ state: 'detached' });

  await more('Delete service…');
  const remove = dialog.getByRole('button', { name: 'Delete service' });
  await dialog.getByRole('textbox').fill('page');
  assert.ok(await remove.isDisabled(), 'only its whole name deletes it');
  await dialog.getByRole('textbox').fill('pages');
  await remove.click();
  await page.getByRole('heading', { name: 'Nothing to run yet' }).waitFor();

  await page.getByRole('button', { name: /Account of/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in to Davit' }).waitFor();
  await page.goto(`${origin}/projects/harbour`);
  await page.getByRole('heading', { name: 'Sign in to Davit' }).waitFor();
  await page.goto(link);
  await page.getByRole('heading', { name: 'This link signs nobody in' }).waitFor();
  forgive(complaints, /responded with a status of 4/); // who is not signed in is told so, which browsers complain of
});
