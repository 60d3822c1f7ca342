// Written by "npm run schema" from ../schema.

export const possibleTypes: Record<string, string[]> = {
  "Node": [
    "Artifact",
    "Build",
    "Deployment",
    "Environment",
    "Event",
    "Operation",
    "Project",
    "RegistryCredential",
    "Replica",
    "Route",
    "Service",
    "ServiceInstance",
    "User",
    "Variable",
    "Workspace"
  ],
  "Principal": [
    "SystemPrincipal",
    "User"
  ],
  "LogFeed": [
    "LogBatch",
    "LogEnd",
    "LogGap"
  ],
  "ServiceSource": [
    "GitSource",
    "ImageSource",
    "UploadSource"
  ],
  "RouteTarget": [
    "ServiceRoute"
  ]
};

// What has no id of its own lies in what it belongs to.
export const embedded = ["AccessRule","Branch","BranchConnection","BranchEdge","BuildDetection","BuildStep","BundleRef","Commit","ComponentHealth","ConfigFile","DeploymentConnection","DeploymentEdge","DeploymentPhase","DeploymentSnapshot","DeploymentTrigger","DetectedProcess","EnvironmentConnection","EnvironmentEdge","EventConnection","EventEdge","Failure","FailureLine","GitCredential","GitSource","HealthCheck","ImageRef","ImageSource","KeyValue","LogBatch","LogEnd","LogGap","LogLine","LogPage","LoginSession","NameAvailability","PageInfo","Platform","ProcessSpec","ProjectConnection","ProjectEdge","QueueStats","Repository","Resources","ServiceConnection","ServiceEdge","ServiceRoute","ServiceSettings","UploadSource","VariableDigest"];
