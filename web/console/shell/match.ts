// rank says how well a text fits what was typed: every word must be in it; the
// sooner and the nearer to the beginning of a word, the lower. -1: not at all.
export function rank(text: string, typed: string): number {
  const hay = text.toLowerCase();
  let sum = 0;
  for (const word of typed.toLowerCase().split(/\s+/).filter(Boolean)) {
    const at = hay.indexOf(word);
    if (at < 0) return -1;
    const begins = at === 0 || /[\s:/-]/.test(hay.charAt(at - 1));
    sum += begins ? at / 100 : 1 + at;
  }
  return sum;
}
