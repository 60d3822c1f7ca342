package main

import (
	"context"

	"github.com/davitdev/davit/internal/client"
)

// loadInstance asks for an instance by its id.
func loadInstance(ctx context.Context, c *client.Client, id string) (*client.Instance, error) {
	out, err := client.LoadInstance(ctx, c, id)
	return &out.ServiceInstance, err
}

// followDeployment waits until a deployment has ended, and returns how.
func followDeployment(ctx context.Context, c *client.Client, id string) (*client.Deployment, error) {
	last := &client.Deployment{}
	err := c.FollowDeployment(ctx, id, func(d *client.Deployment) error {
		last = d
		return nil
	})
	return last, err
}

// followOperation waits until an operation has ended, and returns how.
func followOperation(ctx context.Context, c *client.Client, id string) (*client.Operation, error) {
	last := &client.Operation{}
	err := c.FollowOperation(ctx, id, func(op *client.Operation) error {
		last = op
		return nil
	})
	return last, err
}

// awaitOperation waits until an operation ended, and returns why it failed.
func awaitOperation(ctx context.Context, c *client.Client, id string) error {
	last, err := followOperation(ctx, c, id)
	if err != nil {
		return err
	}
	return faultOf(last.Error)
}
