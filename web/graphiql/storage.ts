// GraphiQL keeps tabs and history in localStorage, and with each query of the
// history the headers it was sent with, whatever shouldPersistHeaders says.
// Headers may carry a token, so none are written here.

const withoutHeaders = (_: string, value: unknown) =>
  value && typeof value === 'object' && 'headers' in value ? { ...value, headers: undefined } : value;

export const storage: Storage = {
  get length() {
    return localStorage.length;
  },
  key: (index) => localStorage.key(index),
  getItem: (key) => localStorage.getItem(key),
  removeItem: (key) => localStorage.removeItem(key),
  clear: () => localStorage.clear(),
  setItem(key, value) {
    if (key === 'graphiql:headers') return;
    try {
      value = JSON.stringify(JSON.parse(value), withoutHeaders);
    } catch {
      // Not JSON: a query or a setting.
    }
    localStorage.setItem(key, value);
  },
};
