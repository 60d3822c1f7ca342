import { afterEach, beforeEach, expect, it, vi } from 'vitest';

const before = location.href;

beforeEach(() => { vi.resetModules(); });
afterEach(() => {
  vi.restoreAllMocks();
  history.replaceState(null, '', before);
});

it('takes the secret out of the address, and hands it out once', async () => {
  history.replaceState(null, '', '/claim#one%2Ftwo');
  const { takeClaim } = await import('./claim');
  expect(location.pathname + location.hash).toBe('/claim');
  expect([takeClaim(), takeClaim()]).toEqual(['one/two', '']);
});

it('loads the page again for a link that is opened where another was', async () => {
  const reload = vi.spyOn(location, 'reload').mockImplementation(() => undefined);
  history.replaceState(null, '', '/claim');
  await import('./claim');
  dispatchEvent(new Event('hashchange'));
  history.replaceState(null, '', '/login#two');
  dispatchEvent(new Event('hashchange'));
  expect(reload).not.toHaveBeenCalled();
  history.replaceState(null, '', '/claim#two');
  dispatchEvent(new Event('hashchange'));
  expect(reload).toHaveBeenCalled();
});
