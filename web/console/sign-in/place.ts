export type Place = 'safe' | 'loopback' | 'plain';

// placeOf says whether a session can be safe at an address: over https, or on
// this machine; 127.0.0.1 is this machine too, but not every browser keeps the
// cookie there.
export function placeOf({ protocol, hostname }: { protocol: string; hostname: string }): Place {
  if (protocol === 'https:' || hostname === 'localhost' || hostname.endsWith('.localhost')) return 'safe';
  return /^127\.|^\[::1\]$/.test(hostname) ? 'loopback' : 'plain';
}
