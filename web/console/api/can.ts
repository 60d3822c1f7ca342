type Rule = { action: string; allowed: boolean; reason: string | null };

// refusal is why the viewer may not do something, null if he may. What was not
// asked about is refused by the server, if it must be.
export const refusal = (rules: readonly Rule[] | undefined, action: string): string | null => {
  const rule = rules?.find((r) => r.action === action);
  return rule && !rule.allowed ? (rule.reason ?? 'You may not do this.') : null;
};
