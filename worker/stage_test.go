package worker

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/davitdev/davit/ent"
	"github.com/davitdev/davit/ent/deployment"
	"github.com/davitdev/davit/ent/serviceinstance"
	"github.com/davitdev/davit/internal/deploy"
	"github.com/davitdev/davit/internal/project"
	"github.com/davitdev/davit/internal/spec"
)

// forget deletes the service of the time before, so that workers have one to
// care for.
func (s *stage) forget() {
	s.t.Helper()
	p := s.start()
	op, err := s.projects.DeleteService(s.ctx, s.instance.ServiceID)
	if err != nil {
		s.t.Fatal(err)
	}
	s.done(op.ID)
	p.stop()
}

// settled reports whether the instance is as it should be, and nobody thinks
// otherwise.
func (s *stage) settled() bool {
	settling, err := s.verbs.Settling(s.ctx, s.instance.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	i, wanted := s.house.instance(s.instance), 0
	active, err := s.db.Deployment.Query().Where(deployment.InstanceID(i.ID), deployment.IsActive(true)).Only(s.ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, share := range deploy.Shares(i, active) {
		wanted += share.Replicas
	}
	return settling.Left == 0 && settling.Done == wanted && !i.Dirty
}

// again makes and deploys another service, for a story that takes it away.
func (s *stage) again() {
	s.t.Helper()
	p := s.start()
	s.instance = s.service("registry.test/app:second", func(n *project.NewService) { n.Name = fmt.Sprintf("web %d", s.n) })
	s.deploy(s.instance, "")
	s.host = s.house.host(s.instance)
	p.stop()
}

// gone fails the test if anything of the instance is left.
func (s *stage) gone() {
	s.t.Helper()
	if n, err := s.db.ServiceInstance.Query().Where(serviceinstance.ID(s.instance.ID)).Count(s.ctx); err != nil || n != 0 {
		s.t.Errorf("%d instances are left, %v", n, err)
	}
	if _, err := os.Stat(filepath.Join(s.logDir, s.instance.ID)); !os.IsNotExist(err) {
		s.t.Errorf("its log is left: %v", err)
	}
	s.until("nothing answers under its name", func() bool { status, _ := s.get(s.host, "/"); return status == 404 })
}

// uploaded makes a service with a source that arrived.
func (s *stage) uploaded(name string) *ent.ServiceInstance {
	s.t.Helper()
	i := s.service("", func(n *project.NewService) { n.Name, n.Source = name, spec.Source{Upload: &spec.UploadSource{}} })
	s.upload(i, map[string]string{"Dockerfile": "FROM scratch\n# " + name + "\n"})
	return i
}

// afterwards lets the leases of the dead run out.
func (h *house) afterwards() {
	h.t.Helper()
	if err := h.verbs.EndLeases(h.ctx); err != nil {
		h.t.Fatal(err)
	}
}
