package client

import (
	"context"
	"encoding/json"
	"fmt"
)

// FollowDeployment calls each with every state of a deployment, the present
// one first, until it ended. Connections and errors are as of Subscribe.
func (c *Client) FollowDeployment(ctx context.Context, id string, each func(*Deployment) error) error {
	return follow(ctx, c, DeploymentUpdated_Operation, func() any { return __DeploymentUpdatedInput{id} },
		func(m *DeploymentUpdatedResponse) error { return each(&m.DeploymentUpdated) })
}

// FollowInstance is FollowDeployment for an instance, until it is deleted.
func (c *Client) FollowInstance(ctx context.Context, id string, each func(*Instance) error) error {
	return follow(ctx, c, InstanceUpdated_Operation, func() any { return __InstanceUpdatedInput{id} },
		func(m *InstanceUpdatedResponse) error { return each(&m.ServiceInstanceUpdated) })
}

// FollowOperation is FollowDeployment for an operation.
func (c *Client) FollowOperation(ctx context.Context, id string, each func(*Operation) error) error {
	return follow(ctx, c, OperationUpdated_Operation, func() any { return __OperationUpdatedInput{id} },
		func(m *OperationUpdatedResponse) error { return each(&m.OperationUpdated) })
}

// FollowLogs calls each with every message of a log's feed, which begins after
// a cursor, or without one with tail earlier lines. A connection that dropped
// goes on behind the last message.
func (c *Client) FollowLogs(ctx context.Context, source LogSource, filter *LogQuery, after *string, tail int, each func(LogMessage) error) error {
	return follow(ctx, c, LogFeed_Operation, func() any { return __LogFeedInput{source, filter, after, tail} },
		func(m *LogFeedResponse) error {
			err := each(m.Logs)
			switch m := m.Logs.(type) {
			case *LogMessageLogBatch:
				after = &m.Cursor
			case *LogMessageLogGap:
				after = &m.To
			}
			return err
		})
}

// follow subscribes to an operation whose messages are of type M.
func follow[M any](ctx context.Context, c *Client, operation string, variables func() any, each func(*M) error) error {
	return c.Subscribe(ctx, operation, variables, func(data json.RawMessage) error {
		var m M
		if err := json.Unmarshal(data, &m); err != nil {
			return fmt.Errorf("decode message: %w", err)
		}
		return each(&m)
	})
}
