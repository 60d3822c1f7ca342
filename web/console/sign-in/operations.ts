import { graphql } from '../api/graphql';

export const createSession = graphql(`
  mutation CreateSession($input: CreateSessionInput!) {
    createSession(input: $input) {
      session {
        id
      }
    }
  }
`);

export const endSession = graphql(`
  mutation EndSession($input: EndSessionInput!) {
    endSession(input: $input) {
      sessionId
    }
  }
`);
