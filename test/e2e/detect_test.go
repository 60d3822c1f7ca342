package e2e

import (
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/test/repository"
)

// An application of a workspace is built from its directory, with a package
// beside it, by what is detected, and by settings that go before that.
func TestAnApplicationOfAWorkspaceGoesLive(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "--allow-private-networks")
	repo := repository.New(t, "")
	repo.Commit("one", map[string]string{
		"package.json":          `{"name":"all","private":true,"workspaces":["apps/*","lib"]}`,
		"lib/package.json":      `{"name":"lib","version":"1.0.0","main":"index.js"}`,
		"lib/index.js":          "module.exports = 'from the lib'",
		"apps/api/package.json": `{"name":"api","scripts":{"start":"node server.js"},"dependencies":{"lib":"*"}}`,
		"apps/api/server.js": `const made = require("fs").existsSync("made") ? " and built" : ""
require("http").createServer((q, s) => s.end(require("lib") + made)).listen(process.env.PORT)`,
	})
	s := h.service("workspace", input{"git": input{"repository": repo.URL, "rootDirectory": "apps/api"}}, nil)
	d := s.succeeded(s.request(nil).ID)
	s.serves("from the lib")
	h.said(d.ID, "apps/api belongs to the workspace of package.json", "It starts by the start script, \"node server.js\".")

	var out struct {
		UpdateServiceInstance struct {
			Instance struct {
				Settings struct{ BuildCommand, LanguageVersion string }
			}
		}
	}
	h.do(`mutation($input:UpdateServiceInstanceInput!){updateServiceInstance(input:$input){instance{settings{buildCommand languageVersion}}}}`,
		client.Variables{"input": input{"serviceInstanceId": s.instance, "apply": "STAGE", "settings": input{
			"buildCommand": "touch made", "languageVersion": "22",
		}}}, &out)
	if got := out.UpdateServiceInstance.Instance.Settings; got.BuildCommand != "touch made" || got.LanguageVersion != "22" {
		t.Errorf("the settings are %+v", got)
	}
	d = s.succeeded(s.request(nil).ID)
	s.serves("from the lib and built")
	h.said(d.ID, "Node.js 22 is used")
}

// said wants lines in the log of a deployment.
func (h *house) said(id string, want ...string) {
	h.t.Helper()
	var out struct {
		Logs struct{ Lines []struct{ Message string } }
	}
	h.do(`query($id:ID!){logs(source:{deploymentId:$id},query:{limit:1000}){lines{message}}}`, client.Variables{"id": id}, &out)
	var all strings.Builder
	for _, l := range out.Logs.Lines {
		all.WriteString(l.Message + "\n")
	}
	for _, w := range want {
		if !strings.Contains(all.String(), w) {
			h.t.Errorf("its log does not say %q:\n%s", w, all.String())
		}
	}
}
