import './sign-in/claim'; // first of all: it takes the secret out of the address
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { onSessionEnd } from './api/session';
import { router } from './routes/tree';
import './styles.css';
import { startTheme } from './theme';
import { Hints } from './ui/hint';
import { Toasts } from './ui/toast';

startTheme();
onSessionEnd(() => void router.invalidate()); // which leads to where one signs in

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Hints>
        <RouterProvider router={router} />
        <Toasts />
      </Hints>
    </StrictMode>,
  );
}
