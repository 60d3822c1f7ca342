package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
	"github.com/davitdev/davit/test/repository"
)

// page is the source of an application that answers with a text.
func (h *house) page(text string) map[string]string {
	return map[string]string{
		"app/Dockerfile": "FROM " + h.app("v1") + "\nCOPY version /version\nENV APP_VERSION=" + text + "\n", "app/version": text,
	}
}

// commitOf is what was fetched for a deployment.
func (h *house) commitOf(id string) (sha, branch string) {
	h.t.Helper()
	var out struct {
		Deployment struct {
			Commit *struct {
				SHA    string
				Branch *string
			}
		}
	}
	h.do(`query($id:ID!){deployment(id:$id){commit{sha branch message author committedAt}}}`, client.Variables{"id": id}, &out)
	c := out.Deployment.Commit
	if c == nil {
		h.t.Fatal("the deployment has no commit")
	}
	if c.Branch != nil {
		branch = *c.Branch
	}
	return c.SHA, branch
}

// A repository is deployed at its branch, at another ref, and again at the
// commit it was.
func TestAGitRepositoryGoesLive(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "--allow-private-networks")
	repo := repository.New(t, "private")
	first := repo.Commit("the first", h.page("one"))
	s := h.service("from git", input{"git": input{
		"repository": repo.URL, "rootDirectory": "app", "token": os.Getenv("TEST_GIT_TOKEN"),
	}}, nil)

	d := s.succeeded(s.request(nil).ID)
	s.serves("one")
	if sha, branch := h.commitOf(d.ID); sha != first || branch != "main" {
		t.Errorf("it is %s of %q", sha, branch)
	}
	repo.Git("checkout", "--quiet", "-b", "feature/two")
	second := repo.Commit("the second", h.page("two"))
	other := s.succeeded(s.request(input{"ref": "feature/two"}).ID)
	s.serves("two")
	if sha, branch := h.commitOf(other.ID); sha != second || branch != "feature/two" {
		t.Errorf("the other is %s of %q", sha, branch)
	}
	// The branch moves on; what was deployed is deployed again.
	repo.Git("checkout", "--quiet", "main")
	repo.Commit("the third", h.page("three"))
	var out struct {
		Redeploy struct{ Deployment deployment }
	}
	h.do(`mutation($input:RedeployInput!){redeploy(input:$input){deployment{`+deploymentFields+`}}}`,
		client.Variables{"input": input{"deploymentId": d.ID, "reuseImage": false}}, &out)
	again := s.succeeded(out.Redeploy.Deployment.ID)
	s.serves("one")
	if sha, _ := h.commitOf(again.ID); sha != first {
		t.Errorf("again it is %s", sha)
	}

	for name, tt := range map[string]struct {
		ref  string
		code fault.Code
		say  string
	}{
		"a branch that is not there": {"nope", fault.RefNotFound, "no branch or tag"},
		"a commit that is not there": {strings.Repeat("0a", 20), fault.RefNotFound, "no such commit"},
	} {
		d := h.completed(s.request(input{"ref": tt.ref}).ID)
		if d.Failure == nil || d.Failure.Code != tt.code || !strings.Contains(d.Failure.Message, tt.say) || d.Failure.Domain != fault.User {
			t.Errorf("%s: %+v", name, d.Failure)
		}
	}
	s.serves("one")
}

// The token of a repository is sent to no other host, and shown to nobody.
func TestATokenStaysWithItsHost(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "--allow-private-networks")
	repo := repository.New(t, "private")
	repo.Commit("one", h.page("one"))
	token := os.Getenv("TEST_GIT_TOKEN")
	s := h.service("moved", input{"git": input{"repository": repo.URL, "rootDirectory": "app", "token": token}}, nil)
	elsewhere := strings.Replace(repo.URL, "127.0.0.1", "localhost", 1)
	var out struct {
		UpdateService struct {
			Service struct {
				Source struct {
					Credential *struct{ Kind, Username string }
				}
			}
		}
	}
	const update = `mutation($input:UpdateServiceInput!){updateService(input:$input){service{source{... on GitSource{credential{kind username publicKey}}}}}}`
	set := func(git input) {
		t.Helper()
		h.do(update, client.Variables{"input": input{"serviceId": s.id, "source": input{"git": git}}}, &out)
	}
	set(input{"repository": repo.URL, "rootDirectory": "app", "ref": "main"})
	if c := out.UpdateService.Service.Source.Credential; c == nil || c.Kind != "TOKEN" {
		t.Fatalf("on the same host the credential is %+v", c)
	}
	set(input{"repository": elsewhere, "rootDirectory": "app"})
	if c := out.UpdateService.Service.Source.Credential; c != nil {
		t.Errorf("on another host the credential is %+v", c)
	}
	d := h.completed(s.request(nil).ID)
	if d.Failure == nil || d.Failure.Code != fault.RepositoryUnauthorized {
		t.Errorf("it ended with %+v", d.Failure)
	}
	var log strings.Builder
	h.history(input{"deploymentId": d.ID}, func(l line) { log.WriteString(l.Message) })
	for name, text := range map[string]string{"log": log.String(), "failure": d.Failure.Message} {
		if strings.Contains(text, token) {
			t.Errorf("the token is in the %s", name)
		}
	}
	if err := filepath.WalkDir(filepath.Join(h.srv.Data, "scratch"), func(path string, e os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(e.Name(), "dep_") {
			t.Errorf("%s is left", path)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}
