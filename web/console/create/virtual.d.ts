// Texts by path, by example: web/examples.js makes it.
declare module 'virtual:examples' {
  const files: Record<string, Record<string, string>>;
  export default files;
}
