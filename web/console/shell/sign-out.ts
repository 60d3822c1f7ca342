import { useRouter } from '@tanstack/react-router';
import { useCallback } from 'react';
import { useClient } from 'urql';
import { endSession } from '../sign-in/operations';
import { sentence } from '../api/fault';
import { forgetSession } from '../api/session';
import { socket } from '../api/socket';
import { toast } from '../ui/toast';

// useSignOut ends the session everywhere: at the server, on the socket and here.
export function useSignOut() {
  const client = useClient();
  const router = useRouter();
  return useCallback(async () => {
    const { error } = await client.mutation(endSession, { input: {} });
    if (error) {
      toast({ tone: 'bad', title: 'You are still signed in', description: sentence(error) });
      return;
    }
    socket.terminate();
    forgetSession();
    await router.navigate({ to: '/login', search: {} });
  }, [client, router]);
}
