package e2e

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davitdev/davit/internal/client"
	"github.com/davitdev/davit/internal/fault"
)

// What a person types is text: no shell on the host sees it, and none in a
// container either.
func TestTextIsNeverACommand(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	trap := filepath.Join(t.TempDir(), "trap")
	hostile := "; touch " + trap + " $(touch " + trap + ") `touch " + trap + "` && x"
	t.Cleanup(func() {
		if _, err := os.Stat(trap); err == nil {
			t.Error("a command was run")
		}
	})

	t.Run("as a name, a variable and a start command it is what it is", func(t *testing.T) {
		t.Parallel()
		s := h.in(t).service("; $() ` "+"x", image(h.app("v1")), func(in input) {
			in["name"] = "web; $(id) `id`"
			in["variables"] = []input{variable("TEXT", hostile+"\nof two lines")}
			in["settings"].(input)["startCommand"] = `/app -version '` + hostile + `'`
		})
		s.succeeded(s.request(input{"message": hostile + "\n"}).ID)
		s.serves(hostile)
		if _, got := s.answer("/env?" + url.Values{"name": {"TEXT"}}.Encode()); got != hostile+"\nof two lines" {
			t.Errorf("the variable is %q", got)
		}
		var out struct {
			Node struct{ Service struct{ Name, Slug string } }
		}
		s.do(`query($id:ID!){node(id:$id){... on ServiceInstance{service{name slug}}}}`, client.Variables{"id": s.instance}, &out)
		if got := out.Node.Service; got.Name != "web; $(id) `id`" || got.Slug != "web-id-id" {
			t.Errorf("the service is %+v", got)
		}
	})

	for name, tt := range map[string]struct {
		change func(in input)
		code   fault.Code
	}{
		"a name with a newline":          {func(in input) { in["name"] = "a\nb" }, fault.NameInvalid},
		"a slug that is none":            {func(in input) { in["slug"] = "$(id)" }, fault.NameInvalid},
		"an image that is none":          {func(in input) { in["source"] = image("app; " + hostile) }, fault.Invalid},
		"an image that is an option":     {func(in input) { in["source"] = image("--privileged") }, fault.Invalid},
		"a Dockerfile outside":           {func(in input) { in["settings"].(input)["dockerfilePath"] = "../../etc/passwd" }, fault.Invalid},
		"a target with a command":        {func(in input) { in["settings"].(input)["dockerTarget"] = hostile }, fault.Invalid},
		"a variable's name with a line":  {func(in input) { in["variables"] = []input{variable("A\nB", "x")} }, fault.NameInvalid},
		"a command without an end":       {func(in input) { in["settings"].(input)["startCommand"] = "/app '" }, fault.Invalid},
		"a repository that is an option": {func(in input) { in["source"] = git("--upload-pack=touch "+trap, "", "") }, fault.Invalid},
		"a path that is an option":       {func(in input) { in["source"] = git("git@localhost:--upload-pack=touch "+trap, "", "") }, fault.Invalid},
		"a host that is an option":       {func(in input) { in["source"] = git("ssh://-oProxyCommand=touch "+trap+"/app", "", "") }, fault.Invalid},
		"a transport that is a command":  {func(in input) { in["source"] = git("ext::sh -c touch% "+trap, "", "") }, fault.Invalid},
		"a file of this machine":         {func(in input) { in["source"] = git("file:///etc", "", "") }, fault.Invalid},
		"a branch that is an option":     {func(in input) { in["source"] = git("https://git.example.com/app", "--upload-pack=touch "+trap, "") }, fault.Invalid},
		"a directory above":              {func(in input) { in["source"] = git("https://git.example.com/app", "", "../..") }, fault.Invalid},
		"a password in an address":       {func(in input) { in["source"] = git("https://me:passw0rd@git.example.com/app", "", "") }, fault.Invalid},
	} {
		t.Run(name+" is refused, and nothing is made", func(t *testing.T) {
			t.Parallel()
			h := h.in(t)
			id := h.project("refused")
			in := input{"projectId": id, "name": "web", "source": image(h.app("v1")), "settings": input{}}
			tt.change(in)
			var none struct{}
			err := h.api.Do(h.ctx, `mutation($input:CreateServiceInput!){createService(input:$input){service{id}}}`, client.Variables{"input": in}, &none)
			if !fault.Is(err, tt.code) || !strings.HasSuffix(err.Error(), ".") || strings.Contains(err.Error(), "passw0rd") {
				t.Errorf("got %v (%s), want %s and a sentence", err, fault.CodeOf(err), tt.code)
			}
			var out struct {
				Node struct{ Services struct{ TotalCount int } }
			}
			h.do(`query($id:ID!){node(id:$id){... on Project{services{totalCount}}}}`, client.Variables{"id": id}, &out)
			if n := out.Node.Services.TotalCount; n != 0 {
				t.Errorf("%d services were made", n)
			}
		})
	}
}
