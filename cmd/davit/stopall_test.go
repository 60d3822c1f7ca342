//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/lifecycle"
)

// turns is the API of one instance's deployments: one has its turn at a time,
// and one that is asked to stop has stopped once somebody waits for that.
type turns struct {
	mu    sync.Mutex
	list  []*deploymentTurn // by number
	began []int             // those whose turn came meanwhile
	later int               // how many are asked for while one ends
}

type deploymentTurn struct {
	number int
	status lifecycle.Status
}

func (d *deploymentTurn) json() map[string]any {
	return map[string]any{"id": fmt.Sprint(d.number), "number": d.number, "status": d.status, "phases": []any{}}
}

func (s *turns) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		s.follow(w, r)
		return
	}
	var in struct {
		Query     string
		Variables struct{ Deployment string }
	}
	_ = json.NewDecoder(r.Body).Decode(&in)
	s.mu.Lock()
	defer s.mu.Unlock()
	var data, errors any
	if strings.Contains(in.Query, "cancelDeployment") {
		d := s.find(in.Variables.Deployment)
		data = map[string]any{"cancelDeployment": map[string]any{"deployment": map[string]any{"id": in.Variables.Deployment}}}
		switch {
		case d.status == lifecycle.Queued:
			d.status = lifecycle.Completed
		case d.status.Serving():
			data, errors = nil, []any{map[string]any{"message": "It is live already.", "extensions": map[string]any{"code": "ALREADY_LIVE"}}}
		}
	} else {
		nodes := []any{}
		for _, d := range slices.Backward(s.list) {
			if !d.status.Final() {
				nodes = append(nodes, d.json())
			}
		}
		data = map[string]any{"serviceInstance": map[string]any{"deployments": map[string]any{"nodes": nodes}}}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"data": data, "errors": errors})
}

func (s *turns) find(id string) *deploymentTurn {
	return s.list[slices.IndexFunc(s.list, func(d *deploymentTurn) bool { return fmt.Sprint(d.number) == id })]
}

// follow ends a deployment and says so.
func (s *turns) follow(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"graphql-transport-ws"}})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	var m struct {
		Payload struct{ Variables struct{ Deployment string } }
	}
	if wsjson.Read(r.Context(), conn, &m) != nil || wsjson.Write(r.Context(), conn, map[string]any{"type": "connection_ack"}) != nil ||
		wsjson.Read(r.Context(), conn, &m) != nil {
		return
	}
	data := map[string]any{"deploymentUpdated": s.end(m.Payload.Variables.Deployment)}
	_ = wsjson.Write(r.Context(), conn, map[string]any{"type": "next", "id": "1", "payload": map[string]any{"data": data}})
	_ = wsjson.Write(r.Context(), conn, map[string]any{"type": "complete", "id": "1"})
	_, _, _ = conn.Read(r.Context()) // until the client has closed
}

func (s *turns) end(id string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.find(id)
	d.status = lifecycle.Completed
	if s.later > 0 {
		s.later--
		s.list = append(s.list, &deploymentTurn{len(s.list) + 1, lifecycle.Queued})
	}
	if !slices.ContainsFunc(s.list, func(d *deploymentTurn) bool { return d.status.Running() }) {
		for _, d := range s.list {
			if d.status == lifecycle.Queued {
				d.status = lifecycle.Deploying
				s.began = append(s.began, d.number)
				break
			}
		}
	}
	return d.json()
}

func TestStoppingAllEndsEveryDeploymentThatIsUnderWay(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		statuses []lifecycle.Status
		later    int
	}{
		"none":                            {nil, 0},
		"one whose replicas start":        {[]lifecycle.Status{lifecycle.Completed, lifecycle.Deploying}, 0},
		"and another that waits for that": {[]lifecycle.Status{lifecycle.Deploying, lifecycle.Queued}, 0},
		"beside one that drains":          {[]lifecycle.Status{lifecycle.Finalizing, lifecycle.Building, lifecycle.Queued, lifecycle.Queued}, 0},
		"and more that come meanwhile":    {[]lifecycle.Status{lifecycle.Deploying}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			api := &turns{later: c.later}
			for i, status := range c.statuses {
				api.list = append(api.list, &deploymentTurn{i + 1, status})
			}
			srv := httptest.NewServer(api)
			defer srv.Close()
			cl, err := client.New(srv.URL, "davit_test")
			if err != nil {
				t.Fatal(err)
			}
			if err := endDeployments(t.Context(), cl, "ins_1"); err != nil {
				t.Fatal(err)
			}
			for _, d := range api.list {
				if !d.status.Final() {
					t.Errorf("#%d is still %s", d.number, d.status)
				}
			}
			if len(api.list) != len(c.statuses)+c.later {
				t.Errorf("there are %d, want %d more", len(api.list), c.later)
			}
			if c.later == 0 && len(api.began) > 0 {
				t.Errorf("%v began because others were ended first", api.began)
			}
		})
	}
}
