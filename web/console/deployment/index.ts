// A deployment: how far it is, what it did, why it failed, and what to do about it.

export { DeploymentPage, type Place } from './DeploymentPage';
export { BuildSteps } from './BuildSteps';
export { FailureCard } from './FailureCard';
export { PhaseLadder } from './PhaseLadder';
export { RollbackDialog } from './RollbackDialog';
export { refusal, useActions } from './Actions';
export { stateOf } from './words';
