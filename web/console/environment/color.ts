// The colors an environment can be shown in, as the API calls them, each as a
// class: nothing may set a style.
export const colors: Record<string, string> = {
  gray: 'text-idle',
  red: 'text-bad',
  orange: 'text-env-orange',
  yellow: 'text-warn',
  green: 'text-good',
  teal: 'text-env-teal',
  blue: 'text-busy',
  purple: 'text-env-purple',
  pink: 'text-env-pink',
};

export const colorClass = (color: string | null) => (color ? (colors[color] ?? 'text-idle') : null);
