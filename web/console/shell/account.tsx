import { useNavigate } from '@tanstack/react-router';
import { Activity, BookOpen, Container, LogOut, Monitor, Moon, Sun } from 'lucide-react';
import type { Session } from '../api/session';
import { chooseTheme, useTheme, type Theme } from '../theme';
import { Menu, MenuChoice, MenuItem, MenuLabel, MenuLine } from '../ui/menu';
import { useSignOut } from './sign-out';

const themes: [Theme, React.ReactNode][] = [
  ['system', <><Monitor aria-hidden /> As the system</>],
  ['light', <><Sun aria-hidden /> Light</>],
  ['dark', <><Moon aria-hidden /> Dark</>],
];

// Account is who is signed in, and what is his.
export function Account({ viewer }: { viewer: Session['viewer'] }) {
  const theme = useTheme();
  const navigate = useNavigate();
  const signOut = useSignOut();
  const name = viewer.displayName;
  return (
    <Menu
      label="Your account"
      trigger={
        <button
          type="button"
          aria-label={`Account of ${name}`}
          className="grid size-8 shrink-0 place-items-center rounded-full border border-line-strong bg-hover text-xs font-semibold text-muted uppercase select-none hover:text-text"
        >
          {name.slice(0, 1)}
        </button>
      }
    >
      <MenuLabel>Signed in as</MenuLabel>
      <p className="px-2.5 pb-1.5 font-medium">
        {name}
        {viewer.__typename === 'User' && viewer.isPlatformAdmin && <span className="block text-xs font-normal text-muted">Runs this installation</span>}
      </p>
      <MenuLine />
      <MenuLabel>Theme</MenuLabel>
      <MenuChoice value={theme} onChoose={chooseTheme} choices={themes} />
      <MenuLine />
      <MenuItem icon={<Activity aria-hidden />} onSelect={() => void navigate({ to: '/platform' })}>
        Platform
      </MenuItem>
      <MenuItem icon={<Container aria-hidden />} onSelect={() => void navigate({ to: '/registries' })}>
        Registries
      </MenuItem>
      <MenuItem icon={<BookOpen aria-hidden />} onSelect={() => { window.location.assign('/graphiql'); }}>
        API explorer
      </MenuItem>
      <MenuLine />
      <MenuItem icon={<LogOut aria-hidden />} onSelect={() => void signOut()}>
        Sign out
      </MenuItem>
    </Menu>
  );
}
