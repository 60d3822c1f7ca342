// The secret of a claim link, which is taken out of the address before anything
// else of the page runs, so that it stays in no history and in no other page's
// sight. It is handed out once.
let secret = '';

const isClaim = () => location.pathname === '/claim' && location.hash.length > 1;

if (isClaim()) {
  secret = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, '', '/claim');
}

// One that is opened where another was differs in its hash alone, for which no
// browser loads a page.
addEventListener('hashchange', () => { if (isClaim()) location.reload(); });

export function takeClaim(): string {
  const taken = secret;
  secret = '';
  return taken;
}
