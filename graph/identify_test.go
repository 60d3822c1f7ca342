package graph_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/davitdev/davit/internal/store/storetest"
)

// Pages of the applications are of the same site as the console.
func TestTheCookieCountsForPagesOfOurOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	ann := w.user("ann")
	b := ann.browser()
	u, err := url.Parse(w.http.URL)
	check(t, err)
	for name, c := range map[string]struct {
		host, origin, site string
		counts             bool
	}{
		"our page":                        {"", w.http.URL, "", true},
		"our page, where none is sent":    {"", "", "same-origin", true},
		"our page behind TLS":             {"davit.example.com", "https://davit.example.com", "", true},
		"our page by name":                {"localhost:7070", "http://localhost:7070", "", true},
		"nobody says":                     {"", "", "", false},
		"an address that was typed":       {"", "", "none", false},
		"an application, none sent":       {"", "", "same-site", false},
		"another site, none sent":         {"", "", "cross-site", false},
		"another site":                    {"", "http://evil.example", "", false},
		"an application beside us":        {"localhost:7070", "http://app.localhost:8080", "same-site", false},
		"an application at our port":      {"localhost:7070", "http://app.localhost:7070", "same-site", false},
		"another port":                    {"", "http://" + u.Hostname() + ":1", "", false},
		"an application beside us by TLS": {"davit.example.com", "https://app.example.com", "same-site", false},
		"our name without TLS":            {"davit.example.com", "http://davit.example.com", "same-site", false},
		"an address of a network":         {"192.168.0.7:7070", "http://192.168.0.7:7070", "", false},
		"a page in a box":                 {"", "null", "", false},
		"an origin that is none":          {"", "http://%z", "", false},
		"a name that begins like ours":    {"", w.http.URL + ".evil.example", "", false},
	} {
		for _, method := range []string{http.MethodPost, http.MethodGet} {
			address, body := w.http.URL, `{"query":"{ viewer { id } }"}`
			if method == http.MethodGet {
				address, body = address+"?"+url.Values{"query": {whoAsks}}.Encode(), ""
			}
			req, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
			check(t, err)
			req.Host = c.host
			req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/graphql-response+json"}, "Cookie": {"__Host-davit=" + b.cookie}}
			for k, v := range map[string]string{"Origin": c.origin, "Sec-Fetch-Site": c.site} {
				if v != "" {
					req.Header.Set(k, v)
				}
			}
			res, err := w.http.Client().Do(req)
			check(t, err)
			res.Body.Close()
			if got := res.StatusCode == http.StatusOK; got != c.counts || !got && res.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s, %s: %d, want it to count: %t", name, method, res.StatusCode, c.counts)
			}
		}
	}
}

func TestAnAuthorizationHeaderWinsOverTheCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	ann, bob := w.user("ann"), w.user("bob")
	b := ann.browser()
	b.token = bob.token
	if got := b.do(whoAsks, nil).ok().text("viewer.id"); got != bob.ID {
		t.Errorf("%s asks, want %s", got, bob.ID)
	}
	b.do(endSession, nil).fails("CONFLICT", "")
	b.token = "davit_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	b.do(whoAsks, nil).fails("UNAUTHENTICATED", "")
	b.token = ""
	b.do(whoAsks, nil).ok()
}

func TestNobodyMayAskForNothingButASession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	ann := w.user("ann")
	with := vars{"input": vars{"token": ann.token}}
	const session = `createSession(input: $input) { session { id } }`
	for name, query := range map[string]string{
		"another field":             `mutation($input: CreateSessionInput!) { ` + session + ` endSession(input: {}) { sessionId } }`,
		"twice":                     `mutation($input: CreateSessionInput!) { a: ` + session + ` b: ` + session + ` }`,
		"another name for another":  `mutation { createSession: createClaimLink(input: {}) { url } }`,
		"a fragment":                `mutation($input: CreateSessionInput!) { ...F } fragment F on Mutation { ` + session + ` }`,
		"an inline fragment":        `mutation($input: CreateSessionInput!) { ... { ` + session + ` } }`,
		"another operation":         `mutation A($input: CreateSessionInput!) { ` + session + ` } query B { viewer { id } }`,
		"a query of that name":      `{ createSession { session { id } } }`,
		"the schema":                `{ __schema { queryType { name } } }`,
		"the type":                  `mutation($input: CreateSessionInput!) { ` + session + ` __typename }`,
		"a document that is long":   `mutation($input: CreateSessionInput!) { ` + session + ` } #` + strings.Repeat("x", 3000),
		"a document of many tokens": `mutation($input: CreateSessionInput!) { createSession(input: $input) { session {` + strings.Repeat(" id", 300) + ` } } }`,
		"no document":               `mutation {`,
	} {
		if a := w.visitor().do(query, with); a.code() != "UNAUTHENTICATED" || a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %s", name, a.raw)
		}
	}
	alias := w.visitor().do(`mutation($input: CreateSessionInput!) { in: `+session+` }`, with).ok()
	if alias.text("in.session.id") == "" || alias.header.Get("Set-Cookie") == "" {
		t.Errorf("under another name: %s", alias.raw)
	}
	// Who comes with what is refused may sign in all the same.
	stale := w.visitor()
	stale.cookie = "davit_ses_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	stale.do(whoAsks, nil).fails("UNAUTHENTICATED", "")
	stale.signIn(vars{"token": ann.token}).ok()
	stale.do(whoAsks, nil).ok()
}

func TestASocketIsOpenedByTheCookie(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	ann := w.user("ann")
	b := ann.browser()
	f := b.connect()
	f.begin("1", whoAsks, nil)
	if got := f.next().ok().text("viewer.id"); got != ann.ID {
		t.Errorf("%s asks, want %s", got, ann.ID)
	}
	f.completes()
	for _, query := range []string{endSession, `mutation { createSession(input: { token: "` + ann.token + `" }) { session { id } } }`} {
		f.begin("2", query, nil)
		a := f.next()
		if a.code() != "BAD_REQUEST" || !strings.Contains(a.raw, "HTTP") {
			t.Errorf("over a websocket it is answered by %s", a.raw)
		}
		f.completes()
	}
	b.do(whoAsks, nil).ok()

	refuse := func(name string, p *person, token string) {
		t.Helper()
		f := p.dial()
		f.init(token)
		_, _, err := f.conn.Read(f.ctx)
		if websocket.CloseStatus(err) != 4403 {
			t.Errorf("%s: %v, want it closed with 4403", name, err)
		}
	}
	refuse("a cookie without an origin", &person{world: w, cookie: b.cookie}, "")
	refuse("no cookie", w.visitor(), "")
	refuse("a token that is refused beside the cookie", b, "davit_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	ended := *b
	b.do(endSession, nil).ok()
	refuse("the cookie of a session that has ended", &ended, "")
	ended.token = ann.token
	ended.connect() // a token beside it wins
	foreign := &person{world: w, origin: "http://app.localhost:8080", cookie: b.cookie}
	header := http.Header{}
	foreign.browse(header)
	_, res, err := websocket.Dial(t.Context(), w.http.URL, &websocket.DialOptions{HTTPHeader: header, Subprotocols: []string{"graphql-transport-ws"}})
	if err == nil || res == nil {
		t.Fatalf("a foreign page opens a socket: %v", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign page's socket is answered by %d", res.StatusCode)
	}
}

// Clients that would like HTTP/2 without TLS say so in each request (RFC 7540,
// section 3.2): it is one all the same.
func TestARequestThatOffersAnotherProtocolIsOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	ann := w.user("ann")
	ws := w.workspace("team", ann)
	offer := map[string]string{"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAoAAAAAIAAAAA", "Idempotency-Key": "k"}
	body := string(toJSON(t, vars{"query": createProject, "variables": vars{"in": vars{"workspaceId": ws.ID, "name": "Shop"}}}))
	first, again := ann.post(body, offer).ok(), ann.post(body, offer).ok()
	if first.text("createProject.project.id") != again.text("createProject.project.id") {
		t.Error("its idempotency key is not looked at")
	}
	delete(offer, "Idempotency-Key")
	body = string(toJSON(t, vars{"query": createSession, "variables": vars{"input": vars{"token": ann.token}}}))
	if a := w.visitor().post(body, offer).ok(); a.header.Get("Set-Cookie") == "" {
		t.Errorf("it is given no session: %s", a.raw)
	}
}
