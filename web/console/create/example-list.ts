import type { Kind } from './draft';

export type Example = { name: 'static-site' | 'hello-go'; title: string; text: string; needs: string; kind: Kind };

export const examples: Example[] = [
  {
    name: 'static-site',
    title: 'Static site',
    text: 'Three pages, a style sheet and a drawing, with rules for redirects and headers.',
    needs: 'Nothing is built and nothing runs. It needs no internet.',
    kind: 'STATIC_SITE',
  },
  {
    name: 'hello-go',
    title: 'Hello, in Go',
    text: 'A web application that says which version of it runs, and logs each request.',
    needs: 'Built without a Dockerfile. The server gets the Go toolchain from a registry.',
    kind: 'WEB',
  },
];
