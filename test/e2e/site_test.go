package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// sitemaker is a program that makes a site: a page, and a script that is named
// by its content.
const sitemaker = `const fs = require("fs"), crypto = require("crypto")
const text = fs.readFileSync("version", "utf8"), script = "console.log(" + JSON.stringify(text) + ")"
const name = "assets/app." + crypto.createHash("sha256").update(script).digest("hex").slice(0, 16) + ".js"
fs.mkdirSync("dist/assets", { recursive: true })
fs.writeFileSync("dist/index.html", text)
fs.writeFileSync("dist/" + name, script)
fs.writeFileSync("dist/_redirects", "/app.js /" + name + " 302\n")
`

// A site that is built is served by the proxy alone: another version and the
// way back drop no request, nor does the death of the control plane, and
// nothing of it runs in the engine.
func TestABuiltSiteIsServedWhateverDies(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.service("site", input{"upload": input{}}, func(in input) {
		in["kind"], in["settings"] = "STATIC_SITE", input{"outputDirectory": "dist", "buildCommand": "node build.js"}
	})
	publish := func(text string) deployment {
		t.Helper()
		dir := t.TempDir()
		for name, content := range map[string]string{"package.json": `{"name":"site","private":true}`, "build.js": sitemaker, "version": text} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return s.succeeded(s.request(input{"artifactId": s.send(dir)}).ID)
	}
	first := publish("one")
	s.serves("one")
	if status, script := s.answer("/app.js"); status != http.StatusOK || script != `console.log("one")` {
		t.Errorf("its script is %d %s", status, script)
	}
	if status, body := s.answer("/build.js"); status != http.StatusNotFound {
		t.Errorf("its source is served: %d %s", status, body)
	}
	h.ours(0)

	hammer := s.hammer(8, 5*time.Millisecond, "one", "two")
	publish("two")
	s.serves("two")
	h.kill()
	s.serves("two") // nobody but the proxy is there
	h.start()
	began := time.Now()
	back := s.rollback(first.ID)
	s.until("the version before is back", func() bool { _, body := s.answer("/"); return body == "one" })
	t.Logf("back after %s", time.Since(began).Round(time.Millisecond))
	s.succeeded(back.ID)
	if n := hammer.stop(); n < 100 {
		t.Errorf("only %d requests were sent", n)
	}
	h.ours(0)
	if got := s.state(); fmt.Sprint(got.Status) != "RUNNING" {
		t.Errorf("the site is %+v", got)
	}
}
