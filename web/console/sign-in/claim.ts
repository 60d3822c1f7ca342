// The secret of a claim link, which is taken out of the address before anything
// else of the page runs, so that it stays in no history and in no other page's
// sight. It is handed out once.
let secret = '';

if (location.pathname === '/claim' && location.hash.length > 1) {
  secret = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, '', '/claim');
}

export function takeClaim(): string {
  const taken = secret;
  secret = '';
  return taken;
}
