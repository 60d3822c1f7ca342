import { lazyRouteComponent } from '@tanstack/react-router';

const pause = 400; // milliseconds

// page is a component that comes when it is first shown. It is asked for twice:
// browsers drop what is under way when a network comes or goes, and each first
// deployment of a project makes one on the server's machine.
export const page = <Name extends string, Module extends Record<Name, React.ComponentType>>(load: () => Promise<Module>, name: Name) =>
  lazyRouteComponent(
    () => load().catch(async () => {
      await new Promise((resolve) => setTimeout(resolve, pause));
      return await load();
    }),
    name,
  );
