package browser_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/davitdev/davit/test/browser"
	"github.com/davitdev/davit/test/server"
)

// installation is a davit serve with nothing to run.
type installation struct {
	*server.Server
	origin, token string
}

func serve(t *testing.T) installation {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "davit")
	check(t, server.Build(t.Context(), "../..", program))
	ports, err := server.FreePorts(2)
	check(t, err)
	s := &server.Server{
		Program: program, Data: filepath.Join(dir, "data"), API: ports[0], Apps: ports[1],
		Args: []string{"--runner", "process"}, Log: t.Output(), Out: t.Output(),
	}
	check(t, s.Start(t.Context()))
	t.Cleanup(func() {
		out, err := s.Command(context.WithoutCancel(t.Context()), "stop", "--all").CombinedOutput()
		if err != nil {
			t.Errorf("davit stop --all: %v: %s", err, out)
		}
		check(t, s.Wait())
	})
	check(t, s.Ready(t.Context()))
	token, err := os.ReadFile(filepath.Join(s.Data, "admin-token"))
	check(t, err)
	return installation{s, "http://" + s.API, strings.TrimSpace(string(token))}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ask runs an operation as somebody else meanwhile.
func (i installation) ask(t *testing.T, query string, variables any) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	check(t, err)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, i.origin+"/graphql", bytes.NewReader(body))
	check(t, err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+i.token)
	res, err := http.DefaultClient.Do(req)
	check(t, err)
	defer res.Body.Close()
	var answer struct{ Errors []any }
	check(t, json.NewDecoder(res.Body).Decode(&answer))
	if len(answer.Errors) > 0 {
		t.Fatalf("%s: %v", query, answer.Errors)
	}
}

const (
	token    = chromedp.CSS(`#token`)
	graphiql = chromedp.CSS(`.graphiql-container`)
	run      = chromedp.CSS(`.graphiql-execute-button`)
)

// editor is one of GraphiQL's editors, in JavaScript.
func editor(name string) string {
	return `globalThis.__MONACO?.editor.getModels().find((m) => m.uri.path.endsWith('` + name + `'))`
}

func TestGraphiQL(t *testing.T) {
	t.Parallel()
	davit, response := serve(t), editor("response.json")+".getValue()"
	w := browser.Open(t, davit.origin)
	w.Do(chromedp.Navigate(davit.origin+"/graphiql"), chromedp.WaitVisible(token))
	w.Screenshot("signed-out")

	w.Do(chromedp.SendKeys(token, "dvt_wrong"+kb.Enter))
	w.Until(`document.querySelector('#problem').textContent !== ''`)
	w.Screenshot("refused")

	w.Do(chromedp.SendKeys(token, "Bearer "+davit.token+kb.Enter))
	w.Do(chromedp.WaitVisible(graphiql), chromedp.Click(chromedp.CSS(`[aria-label="Show Documentation Explorer"]`)))
	w.Until(`document.querySelector('.graphiql-doc-explorer')?.innerText.includes('Subscription')`)
	w.Until(editor("headers.json") + " && " + editor("response.json"))
	w.Screenshot("schema")

	w.Text(editor("headers.json") + `.setValue('{"X-Secret": "of nobody else"}') ?? ''`)
	w.Do(chromedp.Click(chromedp.CSS(`[aria-label="Hide Documentation Explorer"]`)), chromedp.Click(run))
	w.Until(response + `.includes('"platform"')`)
	w.Screenshot("query")
	if got := w.Text(response); !strings.Contains(got, `"displayName"`) || strings.Contains(got, `"errors"`) {
		t.Errorf("the first query answers %s", got)
	}
	w.Dark(true)
	w.Screenshot("dark")
	w.Dark(false)

	w.Do(chromedp.Click(chromedp.CSS(`.graphiql-tab:nth-child(3) .graphiql-tab-button`)))
	w.Until(`document.querySelector('.graphiql-tab-active').innerText.includes('Events')`)
	w.Do(chromedp.Click(run), chromedp.WaitVisible(run+`[aria-label^="Stop"]`))
	workspace := w.Text("JSON.parse(" + editor("variables.json") + ".getValue()).workspace")
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for n := range 100 { // nothing tells when a feed has begun, so something happens again and again
		davit.ask(t, `mutation($input: CreateProjectInput!) { createProject(input: $input) { project { id } } }`,
			map[string]any{"input": map[string]any{"workspaceId": workspace, "name": fmt.Sprintf("Seen Live %d", n)}})
		if <-tick.C; w.Holds(response + `.includes('Seen Live')`) {
			break
		}
	}
	w.Until(response + `.includes('Seen Live')`)
	w.Screenshot("subscription")
	w.Do(chromedp.Click(run), chromedp.WaitVisible(run+`[aria-label^="Execute"]`))

	w.Until(`localStorage['graphiql:queries']?.includes('subscription Events')`)
	kept := w.Text(`JSON.stringify({...localStorage})`)
	if strings.Contains(kept, davit.token) || strings.Contains(kept, "of nobody else") || !strings.Contains(kept, "query Overview") {
		t.Errorf("localStorage has %s", kept)
	}
	w.Do(chromedp.Reload(), chromedp.WaitVisible(graphiql))
	w.Do(chromedp.Click(chromedp.CSS(`.davit-viewer button`)), chromedp.WaitVisible(token), chromedp.Reload(), chromedp.WaitVisible(token))
	if kept := w.Text(`JSON.stringify({...sessionStorage})`); strings.Contains(kept, davit.token) {
		t.Errorf("sessionStorage has %s after signing out", kept)
	}
	if got := w.Complaints(); len(got) > 0 {
		t.Errorf("the console says %q", got)
	}
}
