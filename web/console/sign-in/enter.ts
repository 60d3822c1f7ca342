import { connect } from '../api/client';
import { sentence } from '../api/fault';
import { forgetSession, Refused, session } from '../api/session';
import { createSession } from './operations';

// enter begins a session by what proves who one is, and answers what went wrong
// for a person, null where nothing did. What it was given is kept nowhere.
export async function enter(proof: { claim: string } | { token: string }): Promise<string | null> {
  const { error } = await connect().mutation(createSession, { input: proof });
  if (error) return sentence(error);
  forgetSession();
  try {
    await session();
    return null;
  } catch (failure) {
    if (failure instanceof Refused) return notKept;
    return failure instanceof Error ? failure.message : 'The server did not answer.';
  }
}

const notKept =
  'You were let in, but your browser did not keep the cookie of the session. Open this page at localhost or over https, and allow cookies for it.';
