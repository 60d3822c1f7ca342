// Title names the page in the tab of the browser.
export const Title = ({ children }: { children: string }) => <title>{`${children} · Davit`}</title>;
