package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/davitdev/davit/internal/client"
)

// service is one of our project.
type service struct{ id, instance string }

// makeService makes a service of an image, not deployed.
func (d *installation) makeService(ctx context.Context, name, kind, image string, settings client.Variables) (service, error) {
	var made struct {
		CreateService struct {
			Service struct {
				ID        string
				Instances []struct{ ID string }
			}
		}
	}
	err := d.client.Do(ctx, `mutation($input:CreateServiceInput!){createService(input:$input){service{id instances{id}}}}`,
		client.Variables{"input": client.Variables{
			"projectId": d.project.ID, "name": name, "kind": kind, "deploy": false, "settings": settings,
			"source": client.Variables{"image": client.Variables{"image": image}},
		}}, &made)
	if err != nil {
		return service{}, err
	}
	s := made.CreateService.Service
	if len(s.Instances) != 1 {
		return service{}, fmt.Errorf("service %s has %d instances", name, len(s.Instances))
	}
	return service{s.ID, s.Instances[0].ID}, nil
}

// deployment is one, and where to open it ("" for a worker).
type deployment struct{ ID, URL string }

// deploy asks for a deployment.
func (d *installation) deploy(ctx context.Context, s service) (deployment, error) {
	var made struct {
		Deploy struct{ Deployment deployment }
	}
	err := d.client.Do(ctx, `mutation($id:ID!){deploy(input:{serviceInstanceId:$id}){deployment{id url}}}`, client.Variables{"id": s.instance}, &made)
	return made.Deploy.Deployment, err
}

// serves waits until a deployment's host answers with 200 through the proxy,
// calls then, and returns when the deployment has succeeded. It asks the proxy
// only once the deployment serves, so that asking takes nothing from what is
// timed.
func (d *installation) serves(ctx context.Context, made deployment, then func()) error {
	u, err := url.Parse(made.URL)
	if err != nil {
		return err
	}
	asked := false
	return d.watch(ctx, "deploymentUpdated", made.ID, "COMPLETED", func(status string) error {
		if asked || status != "FINALIZING" && status != "COMPLETED" {
			return nil
		}
		asked = true
		err := untilAnswers(ctx, "http://"+d.config.ProxyListen+"/", u.Hostname())
		then()
		return err
	})
}

// live waits until a deployment has succeeded.
func (d *installation) live(ctx context.Context, made deployment) error {
	return d.watch(ctx, "deploymentUpdated", made.ID, "COMPLETED", func(string) error { return nil })
}

// delete removes a service and what runs of it.
func (d *installation) delete(ctx context.Context, s service) error {
	return d.await(ctx, `mutation($id:ID!){deleteService(input:{serviceId:$id}){operation{id}}}`, client.Variables{"id": s.id})
}

// watch follows a state stream and calls each with every status until it ends,
// which it has to do in the status last.
func (d *installation) watch(ctx context.Context, subscription, id, last string, each func(status string) error) error {
	fields := "status"
	if last == "COMPLETED" {
		fields = "status conclusion failure{message}"
	}
	var state struct {
		Status, Conclusion string
		Failure            *struct{ Message string }
	}
	err := d.client.Subscribe(ctx, `subscription($id:ID!){state:`+subscription+`(id:$id){`+fields+`}}`,
		func() client.Variables { return client.Variables{"id": id} },
		func(data json.RawMessage) error {
			var m struct{ State json.RawMessage }
			if err := errors.Join(json.Unmarshal(data, &m), json.Unmarshal(m.State, &state)); err != nil {
				return err
			}
			return each(state.Status)
		})
	if err == nil && (state.Status != last || state.Conclusion != "" && state.Conclusion != "SUCCEEDED") {
		err = fmt.Errorf("%s ended as %s %s: %+v", id, state.Status, state.Conclusion, state.Failure)
	}
	return err
}
