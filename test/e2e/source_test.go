package e2e

import (
	"bytes"
	"crypto/rand"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/lifecycle"
	"github.com/davitdev/davit/test/repository"
)

// buildPatience is how long a test waits for the build of a whole application
// that nothing was kept of: package managers wait 5 minutes for a registry that
// has gone silent before they ask again.
const buildPatience = 10 * time.Minute

// apps has applications whose lock files real package managers wrote.
const apps = "../../internal/build/testdata/apps/"

// buildSecret is known to builds alone.
const buildSecret = "s3cret-of-the-build"

// sourceCase is a repository, and what its application answers.
type sourceCase struct {
	name    string
	dir     string            // its files
	without []string          // but not these
	files   map[string]string // and these
	change  func(in input)    // of createService; may be nil
	want    string            // in the answer to /
	check   func(s *service, d deployment)
}

func sourceCases(app string) []sourceCase {
	const nodeApp = "1m dev=false uid=10001 env=production"
	return []sourceCase{
		{
			name: "npm, whose build has a secret", dir: apps + "npm", want: nodeApp, check: keepsTheSecret,
			change: func(in input) {
				in["variables"] = []input{{"name": "TOKEN", "value": buildSecret, "secret": true, "usedAt": []string{"BUILD"}}}
				in["settings"].(input)["buildCommand"] = `test ${#TOKEN} = 19 && echo "built with $TOKEN" && node build.js && echo "$TOKEN" | tr a-z A-Z > dist/upper`
			},
		},
		{name: "pnpm", dir: apps + "pnpm", want: nodeApp},
		{name: "Yarn", dir: apps + "yarn", want: nodeApp},
		{name: "Next.js", dir: apps + "next", want: "rendered by uid 10001"},
		{
			name: "Vite", dir: apps + "vite", want: "<title>app</title>",
			change: func(in input) {
				in["variables"] = []input{{"name": "VITE_TITLE", "value": "a title from outside", "usedAt": []string{"BUILD"}}}
			},
			check: func(s *service, _ deployment) {
				_, page := s.answer("/")
				script := regexp.MustCompile(`/assets/[^"]+\.js`).FindString(page)
				if status, body := s.answer(script); status != http.StatusOK || !strings.Contains(body, "a title from outside") {
					s.t.Errorf("its script %q is %d %.200q", script, status, body)
				}
				if status, _ := s.answer("/package.json"); status != http.StatusNotFound {
					s.t.Errorf("its source is served: %d", status)
				}
			},
		},
		{name: "Go with a module", dir: apps + "goapp", want: "2 65532 hello"},
		{
			name: "Python", dir: apps + "procfile", without: []string{"Procfile", "worker.py"}, want: "python 11 uid=10001 args=[]",
		},
		{
			name: "a Procfile with a worker", dir: apps + "procfile", want: "python 11 uid=10001 args=['--port=8080']",
			check: func(s *service, d deployment) {
				f := s.feed(input{"deploymentId": d.ID})
				f.until(func(l line) bool { return l.Stream == "STDOUT" && l.Message == "worker as 10001 []" })
			},
		},
		{
			name: "a Dockerfile of two stages with a secret and a heredoc", want: "of two stages", check: keepsTheSecret,
			files: map[string]string{"Dockerfile": `FROM debian:bookworm-slim AS build
RUN --mount=type=secret,id=TOKEN,required=true <<SCRIPT
set -e # ` + rand.Text() + `
echo "built with $(cat /run/secrets/TOKEN)"
tr a-z A-Z < /run/secrets/TOKEN > /upper
SCRIPT
FROM ` + app + `
COPY --from=build /upper /
ENV APP_VERSION="of two stages"
`},
			change: func(in input) {
				in["variables"] = []input{{"name": "TOKEN", "value": buildSecret, "secret": true, "usedAt": []string{"BUILD"}}}
			},
		},
		{
			name: "a static site", dir: "../../examples/static-site", want: "<h1>",
			change: func(in input) { in["kind"], in["settings"] = "STATIC_SITE", input{} },
		},
	}
}

// Whatever is in a repository is cloned over HTTP, built, and reached through
// the proxy. One after the other: each build keeps a processor busy, and the
// caches of the workspace help the next.
func TestEverySourceIsReachedAtItsURL(t *testing.T) { //nolint:tparallel // see above
	t.Parallel()
	house := newHouse(t, "--allow-private-networks")
	for _, tt := range sourceCases(house.app("v1")) {
		t.Run(tt.name, func(t *testing.T) {
			h := house.in(t)
			repo := repository.New(t, "")
			if tt.dir != "" {
				repo.Copy(tt.dir)
			}
			for _, name := range tt.without {
				if err := os.Remove(filepath.Join(repo.Dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			sha := repo.Commit("all of it", tt.files)
			s := h.service(tt.name, input{"git": input{"repository": repo.URL}}, func(in input) {
				in["settings"].(input)["healthCheck"].(input)["path"] = "/"
				if tt.change != nil {
					tt.change(in)
				}
			})
			d := s.endsWithin(s.request(nil).ID, buildPatience)
			if *d.Conclusion != lifecycle.Succeeded {
				t.Fatalf("it ended as %s: %+v", *d.Conclusion, d.Failure)
			}
			if got, branch := h.commitOf(d.ID); got != sha || branch != "main" {
				t.Errorf("%s of %q was deployed, want %s", got, branch, sha)
			}
			if status, body := s.answer("/"); status != http.StatusOK || !strings.Contains(body, tt.want) {
				t.Errorf("it answers %d %.500q, want %q", status, body, tt.want)
			}
			if tt.check != nil {
				tt.check(s, d)
			}
		})
	}
}

// keepsTheSecret looks for the secret of the build in the layers, configuration
// and history of its image, in its log and in its steps.
func keepsTheSecret(s *service, d deployment) {
	image := s.engine.built(s.ctx, d.ID)
	var out struct {
		Deployment struct {
			Build struct {
				Steps []struct{ Name, Error string }
			}
		}
	}
	s.do(`query($id:ID!){deployment(id:$id){build{steps{name error}}}}`, client.Variables{"id": d.ID}, &out)
	var said strings.Builder
	s.history(input{"deploymentId": d.ID}, func(l line) { said.WriteString(l.Message + "\n") })
	for _, step := range out.Deployment.Build.Steps {
		said.WriteString(step.Name + step.Error + "\n")
	}
	if !bytes.Contains(image, []byte(strings.ToUpper(buildSecret))) {
		s.t.Error("what was made of the secret is not found in the image, so nothing would be")
	}
	if bytes.Contains(image, []byte(buildSecret)) {
		s.t.Error("the secret is in the image")
	}
	if strings.Contains(said.String(), buildSecret) || !strings.Contains(said.String(), "built with ***") {
		s.t.Errorf("the secret is in the log, or the build did not have it:\n%s", said.String())
	}
}
