package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/source"
)

// service is one of our project.
type service struct{ id, instance string }

// fromImage and fromUpload are sources of a service.
func fromImage(image string) client.Variables {
	return client.Variables{"image": client.Variables{"image": image}}
}

func fromUpload() client.Variables { return client.Variables{"upload": client.Variables{}} }

// makeService makes a service, not deployed.
func (d *installation) makeService(ctx context.Context, name, kind string, source, settings client.Variables) (service, error) {
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
			"source": source,
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

// host is what the proxy knows it by.
func (d deployment) host() string {
	u, err := url.Parse(d.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// deploy asks for a deployment.
func (d *installation) deploy(ctx context.Context, s service) (deployment, error) {
	var made struct {
		Deploy struct{ Deployment deployment }
	}
	err := d.client.Do(ctx, `mutation($id:ID!){deploy(input:{serviceInstanceId:$id}){deployment{id url}}}`, client.Variables{"id": s.instance}, &made)
	return made.Deploy.Deployment, err
}

// deployDir deploys a directory as davit deploy does: packed, sent and asked for.
func (d *installation) deployDir(ctx context.Context, s service, dir string) (deployment, error) {
	var packed bytes.Buffer
	stats, err := source.Pack(ctx, dir, &packed, source.PackOptions{})
	if err != nil {
		return deployment{}, err
	}
	var up struct {
		CreateUpload struct {
			UploadURL string
			Artifact  struct{ ID string }
		}
	}
	err = d.client.Do(ctx, `mutation($input:CreateUploadInput!){createUpload(input:$input){uploadUrl artifact{id}}}`,
		client.Variables{"input": client.Variables{
			"serviceId": s.id, "filename": "bench.tar.gz", "sizeBytes": stats.Size, "sha256": stats.SHA256,
		}}, &up)
	if err != nil {
		return deployment{}, err
	}
	if err := d.client.Upload(ctx, up.CreateUpload.UploadURL, &packed, stats.Size); err != nil {
		return deployment{}, err
	}
	var made struct {
		Deploy struct{ Deployment deployment }
	}
	err = d.client.Do(ctx, `mutation($id:ID!,$a:ID!){deploy(input:{serviceInstanceId:$id,artifactId:$a}){deployment{id url}}}`,
		client.Variables{"id": s.instance, "a": up.CreateUpload.Artifact.ID}, &made)
	return made.Deploy.Deployment, err
}

// serves waits until a deployment's host answers with 200 and body ("" is any)
// through the proxy, calls then, and returns when the deployment has succeeded. It asks the proxy
// only once the deployment serves, so that asking takes nothing from what is
// timed.
func (d *installation) serves(ctx context.Context, made deployment, body string, then func()) error {
	asked := false
	return d.watch(ctx, "deploymentUpdated", made.ID, "COMPLETED", func(status string) error {
		if asked || status != "FINALIZING" && status != "COMPLETED" {
			return nil
		}
		asked = true
		err := untilAnswers(ctx, "http://"+d.config.ProxyListen+"/", made.host(), body)
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
		func() any { return client.Variables{"id": id} },
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
