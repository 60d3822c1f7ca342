import { graphql } from '../api/graphql';
import { instanceState } from '../api/instance';

export const deploy = graphql(`
  mutation Deploy($input: DeployInput!) {
    deploy(input: $input) {
      deployment {
        id
        number
      }
    }
  }
`);

export const redeploy = graphql(`
  mutation Redeploy($input: RedeployInput!) {
    redeploy(input: $input) {
      deployment {
        id
        number
      }
    }
  }
`);

export const rollback = graphql(`
  mutation Rollback($input: RollbackInput!) {
    rollback(input: $input) {
      deployment {
        id
        number
      }
    }
  }
`);

export const restart = graphql(`
  mutation Restart($input: RestartServiceInput!) {
    restartService(input: $input) {
      operation {
        id
      }
    }
  }
`);

export const stop = graphql(`
  mutation Stop($input: StopServiceInput!) {
    stopService(input: $input) {
      operation {
        id
      }
    }
  }
`);

export const start = graphql(`
  mutation Start($input: StartServiceInput!) {
    startService(input: $input) {
      operation {
        id
      }
    }
  }
`);

export const remove = graphql(`
  mutation DeleteService($input: DeleteServiceInput!) {
    deleteService(input: $input) {
      operation {
        id
      }
    }
  }
`);

export const scale = graphql(
  `
    mutation Scale($input: ScaleServiceInput!) {
      scaleService(input: $input) {
        instance {
          ...InstanceState
        }
      }
    }
  `,
  [instanceState],
);
