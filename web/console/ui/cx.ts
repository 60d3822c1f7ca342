// cx joins the names of classes that are.
export const cx = (...names: (string | false | null | undefined)[]) => names.filter(Boolean).join(' ');
