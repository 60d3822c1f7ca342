// hostOf is the registry of an image: what is before the first slash if that
// looks like a host, else Docker Hub.
export function hostOf(image: string): string {
  const first = image.trim().split('/')[0] ?? '';
  const host = image.includes('/') && (/[.:]/.test(first) || first === 'localhost') ? first.toLowerCase() : 'docker.io';
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
}

// cleanHost is a host as it is stored, of what somebody typed or pasted.
export const cleanHost = (typed: string) => typed.trim().replace(/^https?:\/\//, '').replace(/\/.*$/, '').toLowerCase();
