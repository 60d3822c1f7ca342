import js from '@eslint/js';
import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

// Scripts run in Node, and parts of those in test/ in a page.
const known = Object.fromEntries(
  ['CSSStyleSheet', 'PerformanceObserver', 'URL', 'console', 'document', 'fetch', 'performance', 'process', 'requestAnimationFrame', 'window'].map((name) => [name, 'readonly']),
);

export default tseslint.config(
  { ignores: ['dist', 'graphiql', '**/*.d.ts'] },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [...tseslint.configs.strictTypeChecked, hooks.configs.flat.recommended],
    languageOptions: { parserOptions: { project: './console/tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // how pages of the router lead elsewhere
      '@typescript-eslint/only-throw-error': ['error', { allow: [{ from: 'package', package: '@tanstack/router-core', name: 'Redirect' }] }],
      'max-lines': ['error', 200],
    },
  },
  { files: ['**/*.{js,mjs}'], languageOptions: { globals: known } },
);
