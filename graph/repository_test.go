package graph_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/time/rate"

	"github.com/davitdev/davit/internal/principal"
	"github.com/davitdev/davit/internal/store/storetest"
	"github.com/davitdev/davit/test/repository"
)

const look = `query($url:URL!,$credential:RepositoryCredentialInput,$ref:String,$root:String){
	repository(url:$url,credential:$credential){fullName url defaultBranch canPull reason branches{totalCount nodes{name headSha}}
		detect(ref:$ref,rootDirectory:$root){builder language framework runtimeVersion versionSource buildCommand startCommand port
			confidence trace dockerfile processes{name command} commit{sha branch}}}}`

// editor is somebody who may create services, in a world where the git server
// of the tests may be reached.
func editor(t *testing.T) (*world, *person) {
	w := newWorld(t, storetest.SQLite(t))
	w.resolver.Repositories.Git.Outbound.AllowPrivate = true
	p := w.user("ann")
	w.join(w.db.Workspace.Create().SetSlug("team").SetName("Team").SaveX(w.system), p, principal.Editor)
	return w, p
}

var vite = map[string]string{
	"apps/web/package.json": `{"name":"web","scripts":{"start":"node server.js"},"dependencies":{"express":"5"},"engines":{"node":"22"}}`,
	"apps/web/server.js":    "", "apps/web/Procfile": "worker: node worker.js\n", "README.md": "# All",
}

func TestARepositoryIsLookedInto(t *testing.T) {
	t.Parallel()
	_, p := editor(t)
	repo := repository.New(t, "")
	first := repo.Commit("one", vite)
	repo.Git("push", "--quiet", "origin", "main:feature/a", "main:feature/b")
	a := p.do(look, vars{"url": repo.URL, "root": "apps/web"}).ok()
	if a.at("repository.canPull") != true || a.at("repository.reason") != nil || a.text("repository.defaultBranch") != "main" ||
		a.text("repository.branches.nodes.0.name") != "feature/a" || a.text("repository.branches.nodes.2.headSha") != first {
		t.Errorf("it is %s", a.raw)
	}
	if !strings.HasPrefix(a.text("repository.fullName"), "git-") || strings.HasSuffix(a.text("repository.fullName"), ".git") {
		t.Errorf("it is called %q", a.text("repository.fullName"))
	}
	d := "repository.detect."
	if a.text(d+"language") != "Node.js" || a.text(d+"framework") != "Express" || a.text(d+"runtimeVersion") != "22" || a.text(d+"startCommand") != "node server.js" ||
		a.text(d+"processes.0.name") != "worker" || a.text(d+"commit.sha") != first || !strings.Contains(a.text(d+"dockerfile"), "FROM node:22-bookworm-slim") {
		t.Errorf("it is %s", a.raw)
	}

	// Pages, and what is in a name.
	const pages = `query($url:URL!,$after:Cursor,$query:String){repository(url:$url){branches(first:1,after:$after,query:$query){nodes{name} totalCount pageInfo{hasNextPage endCursor}}}}`
	b := p.do(pages, vars{"url": repo.URL, "query": "FEAT"}).ok()
	next := p.do(pages, vars{"url": repo.URL, "query": "feat", "after": b.text("repository.branches.pageInfo.endCursor")}).ok()
	if b.text("repository.branches.nodes.0.name") != "feature/a" || next.text("repository.branches.nodes.0.name") != "feature/b" ||
		next.at("repository.branches.pageInfo.hasNextPage") != false {
		t.Errorf("the pages are %s and %s", b.raw, next.raw)
	}
	p.do(pages, vars{"url": repo.URL, "after": "not ours!"}).fails("CURSOR_INVALID", "after")
}

func TestWhatIsWrongWithARepositoryIsSaid(t *testing.T) {
	t.Parallel()
	w, p := editor(t)
	repo, private := repository.New(t, ""), repository.New(t, "private")
	repo.Commit("one", vite)
	private.Commit("one", vite)

	// What cannot be pulled is an answer.
	for name, tt := range map[string]struct {
		v    vars
		pull bool
		say  string
	}{
		"not there":       {vars{"url": strings.Replace(repo.URL, "git-", "nope-", 1)}, false, "There is no repository"},
		"private":         {vars{"url": private.URL}, false, "asks for a credential"},
		"a wrong token":   {vars{"url": private.URL, "credential": vars{"token": "wrong"}}, false, "does not accept the token"},
		"the right token": {vars{"url": private.URL, "credential": vars{"token": os.Getenv("TEST_GIT_TOKEN")}}, true, ""},
	} {
		a := p.do(`query($url:URL!,$credential:RepositoryCredentialInput){repository(url:$url,credential:$credential){canPull reason defaultBranch}}`, tt.v).ok()
		reason, _ := a.at("repository.reason").(string)
		if a.at("repository.canPull") != tt.pull || !strings.Contains(reason, tt.say) || tt.pull != (reason == "") {
			t.Errorf("%s: %s", name, a.raw)
		}
		if strings.Contains(a.raw, "wrong\"") || strings.Contains(a.raw, os.Getenv("TEST_GIT_TOKEN")) {
			t.Errorf("%s shows the token: %s", name, a.raw)
		}
	}
	// What cannot be detected is an error beside what is known.
	for name, tt := range map[string]struct {
		v    vars
		code string
	}{
		"a branch that is not there":    {vars{"url": repo.URL, "ref": "nope"}, "REF_NOT_FOUND"},
		"a directory that is not there": {vars{"url": repo.URL, "root": "apps/api"}, "NOT_BUILDABLE"},
		"nothing to build":              {vars{"url": repo.URL}, "NOT_BUILDABLE"},
		"a private one":                 {vars{"url": private.URL}, "REPOSITORY_UNAUTHORIZED"},
		"a branch that is an option":    {vars{"url": repo.URL, "ref": "--upload-pack=id"}, "INVALID"},
		"a directory above":             {vars{"url": repo.URL, "root": "../.."}, "INVALID"},
	} {
		a := p.do(look, tt.v)
		if a.code() != tt.code || a.at("repository.detect") != nil || a.at("repository.url") == nil {
			t.Errorf("%s: %s", name, a.raw)
		}
	}
	// What is no address is nothing at all.
	for _, url := range []string{"--upload-pack=id", "ext::sh -c id", "file:///etc", "/etc", "https://me:secret@git.example.com/a", "https://git.example.com/a\nb", ""} {
		if a := p.do(look, vars{"url": url}); a.code() != "INVALID" || strings.Contains(a.raw, "secret") {
			t.Errorf("%q: %s", url, a.raw)
		}
	}
	w.resolver.Repositories.Git.Outbound.AllowPrivate = false
	p.do(look, vars{"url": "https://169.254.169.254/latest"}).fails("SOURCE_FORBIDDEN", "")
	if left, err := os.ReadDir(w.resolver.Repositories.Scratch); err != nil || len(left) != 0 {
		t.Errorf("%d sources are left, %v", len(left), err)
	}
}

// Who may create nothing has nothing looked at; who asks often has to wait.
func TestNobodyScansByRepositories(t *testing.T) {
	t.Parallel()
	w, p := editor(t)
	repo := repository.New(t, "")
	repo.Commit("one", vite)
	const short = `query($url:URL!){repository(url:$url){canPull}}`

	stranger, viewer := w.user("bob"), w.user("cid")
	w.join(w.db.Workspace.Create().SetSlug("others").SetName("Others").SaveX(w.system), viewer, principal.Viewer)
	for _, who := range []*person{stranger, viewer} {
		who.do(short, vars{"url": repo.URL}).fails("FORBIDDEN", "")
	}
	w.resolver.Repositories.Limits.Rate, w.resolver.Repositories.Limits.Burst = rate.Limit(1e-9), 7
	other := w.user("dan")
	w.join(w.db.Workspace.Create().SetSlug("third").SetName("Third").SaveX(w.system), other, principal.Owner)
	a := p.do(look, vars{"url": repo.URL, "root": "apps/web"}).ok() // one look and a fetch
	if a.at("repository.detect") == nil {
		t.Errorf("it is %s", a.raw)
	}
	codes := []string{p.do(short, vars{"url": repo.URL}).code(), p.do(short, vars{"url": repo.URL}).code(), other.do(short, vars{"url": repo.URL}).code()}
	if !slices.Equal(codes, []string{"", "TOO_MANY_REQUESTS", ""}) {
		t.Errorf("the answers are %q", codes)
	}
	var many strings.Builder
	for i := range 60 {
		fmt.Fprintf(&many, "a%d:repository(url:$url){canPull} ", i)
	}
	if a := other.do(`query($url:URL!){`+many.String()+`}`, vars{"url": repo.URL}); a.code() != "QUERY_TOO_COMPLEX" {
		t.Errorf("sixty at once are answered: %s", a.raw)
	}
}
