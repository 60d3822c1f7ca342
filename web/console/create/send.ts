import type { Client } from '@urql/core';
import { graphql } from '../api/graphql';

const createUpload = graphql(`
  mutation CreateUpload($input: CreateUploadInput!) {
    createUpload(input: $input) {
      uploadUrl
      artifact {
        id
      }
    }
  }
`);

export type Progress = { sent: number; total: number };
type Files = { name: string; archive: Blob };

const hex = (bytes: ArrayBuffer) => Array.from(new Uint8Array(bytes), (b) => b.toString(16).padStart(2, '0')).join('');

// put sends a body by PUT and says how far it is, which fetch cannot. The end of
// the signal ends it.
function put(url: string, body: Blob, onProgress: (p: Progress) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('PUT', url);
    request.upload.onprogress = (event) => { onProgress({ sent: event.loaded, total: body.size }); };
    request.onload = () => {
      if (request.status < 300) resolve();
      else reject(new Error(saidBy(request)));
    };
    request.onerror = () => { reject(new Error('The connection broke while the files were sent.')); };
    request.onabort = () => { reject(new Error('It was cancelled.')); };
    signal.addEventListener('abort', () => { request.abort(); });
    request.send(body);
  });
}

function saidBy(request: XMLHttpRequest): string {
  try {
    const answer = JSON.parse(request.responseText) as { error?: { message?: string } };
    if (answer.error?.message) return answer.error.message;
  } catch {
    // no JSON: from something between us and the server
  }
  return `The server did not take the files: ${request.status}.`;
}

// send uploads an archive for a service, unless the server has it already, and
// answers the id of the artifact it became. It throws what a person may read, and
// also where the signal ended, after which nothing more is sent.
export async function send(client: Client, serviceId: string, { name, archive }: Files, onProgress: (p: Progress) => void, signal: AbortSignal): Promise<string> {
  const sha256 = hex(await crypto.subtle.digest('SHA-256', await archive.arrayBuffer()));
  signal.throwIfAborted();
  const { data, error } = await client.mutation(createUpload, { input: { serviceId, filename: name, sizeBytes: archive.size, sha256 } });
  if (error || !data) throw error ?? new Error('The server gave no answer.');
  signal.throwIfAborted();
  const { uploadUrl, artifact } = data.createUpload;
  if (uploadUrl) {
    const { pathname, search } = new URL(uploadUrl); // of our own origin, whatever the server thinks it is called
    await put(pathname + search, archive, onProgress, signal);
  }
  return artifact.id;
}
