import { expect, test } from 'vitest';
import { keep } from './folder';

test('what is ignored is not sent, nor ever .git', async () => {
  const files = Object.entries({
    '.gitignore': 'node_modules/\n*.log\n!keep.log\n',
    '.dockerignore': '# rules\ndocs\n',
    '.git/HEAD': '',
    '.davit/link': '',
    'main.js': '',
    'a.log': '',
    'keep.log': '',
    'node_modules/x/index.js': '',
    'docs/a.md': '',
    'web/docs/b.md': '',
    'web/.gitignore': '/dist\n',
    'web/dist/app.js': '',
    'dist/app.js': '',
  }).map(([path, text]) => ({ path, file: new Blob([text]) }));
  expect((await keep(files)).map((f) => f.path).sort()).toEqual(
    ['.dockerignore', '.gitignore', 'dist/app.js', 'keep.log', 'main.js', 'web/.gitignore', 'web/docs/b.md'].sort(),
  );
});
