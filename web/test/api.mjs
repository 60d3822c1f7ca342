// What stories do behind the back of the page, as other people and programs do.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { origin } from './browser.mjs';

// ask runs a query or mutation that must succeed.
export async function ask(query, variables = {}) {
  const response = await fetch(`${origin}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${process.env.DAVIT_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await response.json();
  if (errors) throw new Error(`${query.slice(0, 60)}: ${JSON.stringify(errors[0])}`);
  return data;
}

// change runs a mutation of one input.
export async function change(name, input, answer) {
  const type = `${name[0].toUpperCase()}${name.slice(1)}Input`;
  const data = await ask(`mutation($input:${type}!){${name}(input:$input){${answer}}}`, { input });
  return data[name];
}

export async function createProject(name) {
  const { workspace } = await ask('{workspace(slug:"default"){id}}');
  return (await change('createProject', { workspaceId: workspace.id, name }, 'project{id slug}')).project;
}

// createService makes a service, which is not deployed yet unless the input says so.
export async function createService(projectId, name, input) {
  const answer = 'service{id slug instances{id routes{hostname}}}deployments{id}';
  const { service, deployments } = await change('createService', { projectId, name, deploy: false, ...input }, answer);
  const [{ id: instance, routes }] = service.instances;
  return { id: service.id, slug: service.slug, instance, host: routes[0]?.hostname, deployment: deployments[0]?.id };
}

// upload sends a folder as the source of a service, and says as which artifact.
export async function upload(serviceId, folder) {
  const archive = execFileSync('tar', ['-czf', '-', '-C', folder, '.']);
  const sha256 = createHash('sha256').update(archive).digest('hex');
  const { uploadUrl, artifact } = await change(
    'createUpload', { serviceId, filename: 'source.tar.gz', sizeBytes: archive.length, sha256 }, 'uploadUrl artifact{id}',
  );
  if (uploadUrl) {
    const { ok, status } = await fetch(new URL(uploadUrl, origin), { method: 'PUT', body: archive });
    if (!ok) throw new Error(`the upload was answered ${status}`);
  }
  return artifact.id;
}

// get asks an application, which has its name only in browsers, for a path.
export function get(apps, host, path = '/') {
  return new Promise((resolve, reject) => {
    request(`http://${apps}${path}`, { headers: { host } }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part)).on('end', () => resolve({ status: response.statusCode, text })).on('error', reject);
    }).on('error', reject).end();
  });
}
