package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/lifecycle"
)

// What client commands ask of the API. The JSON names are those of the API,
// so that --json prints what the API says.
type (
	deploymentView struct {
		ID            string                `json:"id"`
		Number        int                   `json:"number"`
		Status        lifecycle.Status      `json:"status"`
		Conclusion    *lifecycle.Conclusion `json:"conclusion"`
		URL           *string               `json:"url"`
		IsActive      bool                  `json:"isActive"`
		QueuePosition *int                  `json:"queuePosition,omitempty"`
		Message       *string               `json:"message,omitempty"`
		Phases        []phaseView           `json:"phases,omitempty"`
		Failure       *failureView          `json:"failure,omitempty"`
		Bundle        *bundleView           `json:"bundle,omitempty"`
	}
	bundleView struct {
		Digest    string `json:"digest"`
		Files     int    `json:"files"`
		SizeBytes int64  `json:"sizeBytes"`
	}
	phaseView struct {
		Name       lifecycle.PhaseName   `json:"name"`
		Status     lifecycle.PhaseStatus `json:"status"`
		StartedAt  *time.Time            `json:"startedAt,omitempty"`
		DurationMs *int                  `json:"durationMs,omitempty"`
		Attempt    int                   `json:"attempt"`
		Detail     *string               `json:"detail,omitempty"`
		Error      *string               `json:"error,omitempty"`
	}
	failureView struct {
		Code       string               `json:"code"`
		Domain     string               `json:"domain"`
		Phase      *lifecycle.PhaseName `json:"phase"`
		Message    string               `json:"message"`
		Hint       *string              `json:"hint"`
		ExitCode   *int                 `json:"exitCode"`
		OOMKilled  bool                 `json:"oomKilled"`
		LogExcerpt []struct {
			Stream  string `json:"stream"`
			Message string `json:"message"`
		} `json:"logExcerpt"`
	}
	named struct {
		ID   string `json:"id,omitempty"`
		Name string `json:"name,omitempty"`
		Slug string `json:"slug"`
	}
	instanceView struct {
		ID          string                   `json:"id"`
		Status      lifecycle.InstanceStatus `json:"status"`
		Health      lifecycle.Health         `json:"health"`
		StateReason *string                  `json:"stateReason"`
		Service     struct {
			named
			Project named `json:"project"`
		} `json:"service"`
		Environment      named           `json:"environment"`
		Routes           []routeView     `json:"routes"`
		ActiveDeployment *deploymentView `json:"activeDeployment"`
		LatestDeployment *deploymentView `json:"latestDeployment"`
		Replicas         []replicaView   `json:"replicas"`
		NextCronRunAt    *time.Time      `json:"nextCronRunAt,omitempty"`
	}
	routeView struct {
		URL string `json:"url"`
	}
	replicaView struct {
		Process  *string                 `json:"process,omitempty"`
		Status   lifecycle.ReplicaStatus `json:"status"`
		Health   lifecycle.Health        `json:"health"`
		Restarts int                     `json:"restarts"`
	}
	operationView struct {
		ID       string                    `json:"id"`
		Status   lifecycle.OperationStatus `json:"status"`
		ExitCode *int                      `json:"exitCode,omitempty"`
		Command  []string                  `json:"command,omitempty"`
		Due      *time.Time                `json:"scheduledAt,omitempty"`
		Began    *time.Time                `json:"startedAt,omitempty"`
		Ended    *time.Time                `json:"finishedAt,omitempty"`
		Error    *failureView              `json:"error"`
	}
)

const (
	failureParts     = `code domain phase message hint exitCode oomKilled logExcerpt{stream message}`
	failureFields    = `failure{` + failureParts + `}`
	deploymentFields = `id number status conclusion url isActive message queuePosition
		phases{name status startedAt durationMs attempt detail error} ` + failureFields
	instanceFields = `id status health stateReason service{id name slug project{id name slug}} environment{id name slug} routes{url}
		activeDeployment{id number status conclusion url isActive message bundle{digest files sizeBytes}}
		latestDeployment{id number status conclusion url isActive message ` + failureFields + `}
		replicas{process status health restarts} nextCronRunAt`
)

// loadInstance asks for an instance by its id.
func loadInstance(ctx context.Context, c *client.Client, id string) (instanceView, error) {
	var out struct{ Node instanceView }
	err := c.Do(ctx, `query($id:ID!){node(id:$id){... on ServiceInstance{`+instanceFields+`}}}`, client.Variables{"id": id}, &out)
	return out.Node, err
}

// followDeployment calls show with each state of a deployment until it ended,
// and returns the last.
func followDeployment(ctx context.Context, c *client.Client, id string, show func(deploymentView) error) (deploymentView, error) {
	var last deploymentView
	err := c.Subscribe(ctx, `subscription($id:ID!){deploymentUpdated(id:$id){`+deploymentFields+`}}`,
		func() client.Variables { return client.Variables{"id": id} },
		func(data json.RawMessage) error {
			var out struct{ DeploymentUpdated deploymentView }
			if err := json.Unmarshal(data, &out); err != nil {
				return err
			}
			last = out.DeploymentUpdated
			return show(last)
		})
	return last, err
}

// awaitOperation waits until an operation ended, and returns why it failed.
func awaitOperation(ctx context.Context, c *client.Client, id string) error {
	last, err := followOperation(ctx, c, id)
	if err != nil {
		return err
	}
	return last.Error.fault()
}
