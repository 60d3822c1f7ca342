package browser_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/davitdev/davit/test/browser"
)

// claim is the secret of a link that "davit console" makes.
func (i installation) claim(t *testing.T) string {
	t.Helper()
	out, err := i.Command(t.Context(), "console", "--json").Output()
	check(t, err)
	var link struct{ URL string }
	check(t, json.Unmarshal(out, &link))
	u, err := url.Parse(link.URL)
	check(t, err)
	if u.Path != "/claim" || u.Hostname() != "localhost" || u.Fragment == "" {
		t.Fatalf("the link is %s", link.URL)
	}
	return u.Fragment
}

// ask runs an operation as a page does, and leaves the answer in the page.
func ask(w *browser.Window, query string) string {
	w.Text(`delete globalThis.answer; fetch('/graphql', {method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify({query: ` +
		"`" + query + "`" + `})}).then((r) => r.text()).then((text) => (globalThis.answer = text)); ''`)
	w.Until(`globalThis.answer`)
	return w.Text(`globalThis.answer`)
}

// A real browser keeps the cookie of a session on this machine without TLS,
// sends it with requests and sockets of our pages, and shows it to no script.
func TestABrowserIsSignedInByAClaim(t *testing.T) {
	t.Parallel()
	davit, response := serve(t), editor("response.json")+".getValue()"
	w := browser.Open(t, davit.origin)
	w.Do(chromedp.Navigate(davit.origin+"/schema.graphql"), chromedp.Navigate(davit.origin+"/graphiql"), chromedp.WaitVisible(token))
	signIn := `mutation { createSession(input: { claim: "` + davit.claim(t) + `" }) { session { current user { username } } } }`
	if got := ask(w, signIn); !strings.Contains(got, `"current":true`) || !strings.Contains(got, `"username":"operator"`) {
		t.Fatalf("signing in is answered by %s", got)
	}
	if got := ask(w, signIn); !strings.Contains(got, "UNAUTHENTICATED") {
		t.Errorf("the same claim again is answered by %s", got)
	}
	if got := w.Text(`document.cookie + JSON.stringify({...localStorage, ...sessionStorage})`); strings.Contains(got, "davit_") {
		t.Errorf("a script of the page reads %s", got)
	}

	// GraphiQL asks as whoever is signed in, over HTTP and over a socket.
	w.Do(chromedp.Reload(), chromedp.WaitVisible(graphiql))
	w.Until(editor("headers.json") + " && " + editor("response.json"))
	w.Do(chromedp.Click(run))
	w.Until(response + `.includes('"platform"')`)
	if got := w.Text(response); !strings.Contains(got, `"displayName"`) || strings.Contains(got, `"errors"`) {
		t.Errorf("the first query answers %s", got)
	}
	w.Text(`globalThis.socket = new WebSocket(location.origin.replace('http', 'ws') + '/graphql', 'graphql-transport-ws');
		socket.onopen = () => socket.send('{"type":"connection_init"}'); socket.onmessage = (e) => (globalThis.said = e.data); ''`)
	w.Until(`globalThis.said?.includes('connection_ack')`)

	w.Do(chromedp.Click(chromedp.CSS(`.davit-viewer button`)), chromedp.WaitVisible(token), chromedp.Reload(), chromedp.WaitVisible(token))
	if got := ask(w, `{ viewer { id } }`); !strings.Contains(got, "UNAUTHENTICATED") {
		t.Errorf("after signing out, who asks is answered by %s", got)
	}
	if got := w.Complaints(); len(got) > 0 {
		t.Errorf("the console says %q", got)
	}
}
