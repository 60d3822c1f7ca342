package graph_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/davitdev/davit/graph"
	"github.com/davitdev/davit/internal/auth"
	"github.com/davitdev/davit/internal/store"
	"github.com/davitdev/davit/internal/store/storetest"
)

const (
	createSession = `mutation SignIn($input: CreateSessionInput!) { createSession(input: $input) {
		clientMutationId session { ...All } } } fragment All on LoginSession { __typename id ip userAgent createdAt lastSeenAt expiresAt current user { id displayName isPlatformAdmin } }`
	endSession      = `mutation { endSession(input: { clientMutationId: "bye" }) { clientMutationId sessionId } }`
	createClaimLink = `mutation { createClaimLink(input: {}) { url expiresAt } }`
	whoAsks         = `{ viewer { id } }`
)

// visitor is a browser at a page of the server, in which nobody is signed in.
func (w *world) visitor() *person { return &person{world: w, origin: w.http.URL} }

// signIn asks for a session. The browser keeps the cookie it is given.
func (p *person) signIn(input vars) *answer {
	p.Helper()
	a := p.do(createSession, vars{"input": input})
	for _, line := range a.header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		check(p, err)
		p.cookie = c.Value
	}
	return a
}

// browser is one in which p is signed in.
func (p *person) browser() *person {
	p.Helper()
	b := p.visitor()
	b.signIn(vars{"token": p.token}).ok()
	return b
}

// claim is the secret of a link that p makes.
func (p *person) claim() string {
	p.Helper()
	_, secret, _ := strings.Cut(p.do(createClaimLink, nil).ok().text("createClaimLink.url"), "/claim#")
	return secret
}

func TestSignInAndOut(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		ann := w.user("ann")
		for name, input := range map[string]vars{
			"token": {"token": ann.token, "clientMutationId": "hi"},
			"claim": {"claim": ann.claim(), "clientMutationId": "hi"},
		} {
			b := w.visitor()
			b.do(whoAsks, nil).fails("UNAUTHENTICATED", "")
			a := b.signIn(input).ok()
			if a.text("createSession.clientMutationId") != "hi" || a.text("createSession.session.user.id") != ann.ID || a.at("createSession.session.current") != true ||
				a.text("createSession.session.ip") != "127.0.0.1" || a.text("createSession.session.userAgent") == "" {
				t.Errorf("by %s: %s", name, a.raw)
			}
			if strings.Contains(a.raw, b.cookie) || strings.Contains(a.raw, input[name].(string)) {
				t.Errorf("by %s: a secret is told: %s", name, a.raw)
			}
			if got := b.do(whoAsks, nil).ok().text("viewer.id"); got != ann.ID {
				t.Errorf("by %s: %s is signed in, want %s", name, got, ann.ID)
			}
			gone := b.do(endSession, nil).ok()
			if gone.text("endSession.sessionId") != a.text("createSession.session.id") || gone.text("endSession.clientMutationId") != "bye" {
				t.Errorf("by %s: ended is %s", name, gone.raw)
			}
			c, err := http.ParseSetCookie(gone.header.Get("Set-Cookie"))
			if err != nil || c.Name != "__Host-davit" || c.Value != "" || c.MaxAge >= 0 || !c.Secure || c.Path != "/" {
				t.Errorf("by %s: the cookie is not cleared: %v, %v", name, c, err)
			}
			b.do(whoAsks, nil).fails("UNAUTHENTICATED", "")
		}
	})
}

func TestTheCookieIsForNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	a := w.visitor().signIn(vars{"token": w.user("ann").token}).ok()
	lines := a.header.Values("Set-Cookie")
	if len(lines) != 1 {
		t.Fatalf("%d cookies", len(lines))
	}
	c, err := http.ParseSetCookie(lines[0])
	check(t, err)
	if c.Name != "__Host-davit" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" ||
		c.MaxAge != int(auth.SessionAge.Seconds()) || len(c.Value) < 32 {
		t.Errorf("the cookie is %s", lines[0])
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("the answer may be kept: %q", got)
	}
}

func TestWhoCannotSignIn(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		ann := w.user("ann")
		used, over := ann.claim(), ann.claim()
		w.visitor().signIn(vars{"claim": used}).ok()
		_, err := db.Exec(w.system, "UPDATE claim_links SET expires_at = ?", time.Now().UTC())
		check(t, err)
		fresh := ann.claim()
		for name, c := range map[string]struct {
			input vars
			code  string
		}{
			"with neither":              {vars{}, "INVALID"},
			"with both":                 {vars{"claim": fresh, "token": ann.token}, "INVALID"},
			"with a wrong token":        {vars{"token": ann.token + "x"}, "UNAUTHENTICATED"},
			"with a claim of before":    {vars{"claim": used}, "UNAUTHENTICATED"},
			"with a claim that is over": {vars{"claim": over}, "UNAUTHENTICATED"},
			"with a claim of nobody":    {vars{"claim": "davit_clm_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}, "UNAUTHENTICATED"},
			"with a NUL":                {vars{"claim": "davit_clm_\x00aaaaaaaaaaaaaaaa"}, "INVALID"},
		} {
			b := w.visitor()
			a := b.signIn(c.input)
			if a.code() != c.code || b.cookie != "" || a.at("createSession") != nil {
				t.Errorf("%s: %s, cookie %q", name, a.raw, b.cookie)
			}
			for _, secret := range c.input {
				if strings.Contains(a.raw, secret.(string)) {
					t.Errorf("%s: the secret is told: %s", name, a.raw)
				}
			}
		}
		w.visitor().signIn(vars{"claim": fresh}).ok()
	})
}

func TestAPageOfAnotherOriginSignsNobodyIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	ann := w.user("ann")
	for _, origin := range []string{"http://app.localhost:8080", "https://evil.example", "null"} {
		b := &person{world: w, origin: origin}
		if a := b.signIn(vars{"token": ann.token}); a.code() != "FORBIDDEN" || b.cookie != "" {
			t.Errorf("%s: %s", origin, a.raw)
		}
	}
	(&person{world: w}).signIn(vars{"token": ann.token}).ok() // a program has no origin
}

func TestWhoSignsInAnewLeavesTheFormerSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	ann := w.user("ann")
	b, other := ann.browser(), ann.browser()
	former := *b
	b.signIn(vars{"claim": ann.claim()}).ok()
	former.do(whoAsks, nil).fails("UNAUTHENTICATED", "")
	b.do(whoAsks, nil).ok()
	other.do(whoAsks, nil).ok()
	b.do(createClaimLink, nil).fails("FORBIDDEN", "")

	twice := b.do(`mutation($in: CreateSessionInput!) { a: createSession(input: $in) { session { id } } b: createSession(input: $in) { session { id } } }`,
		vars{"in": vars{"token": ann.token}})
	if twice.code() != "BAD_REQUEST" || len(twice.header.Values("Set-Cookie")) != 1 {
		t.Errorf("two sessions for one cookie: %s, cookies %q", twice.raw, twice.header.Values("Set-Cookie"))
	}
}

// Whoever guesses has to wait; who was sent a link, and who came before, do not.
func TestTokensAreNotGuessedInARow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.SQLite(t))
	ann := w.user("ann")
	b, claim := ann.browser(), ann.claim()
	var codes []string
	for range 12 {
		codes = append(codes, w.visitor().signIn(vars{"token": "davit_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}).code())
	}
	if codes[0] != "UNAUTHENTICATED" || codes[9] != "UNAUTHENTICATED" || codes[10] != "TOO_MANY_REQUESTS" || codes[11] != "TOO_MANY_REQUESTS" {
		t.Errorf("the answers are %q", codes)
	}
	late := w.visitor().signIn(vars{"token": ann.token}).fails("TOO_MANY_REQUESTS", "")
	if !strings.Contains(late.raw, "retryAfterMs") {
		t.Errorf("it is not said for how long: %s", late.raw)
	}
	w.visitor().signIn(vars{"claim": claim}).ok()
	b.do(whoAsks, nil).ok()
	ann.do(whoAsks, nil).ok()
}

// What a session streams ends with it, though nothing else happens.
func TestStreamsEndWithTheirSession(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := newWorld(t, db)
		tn := w.tenant("st")
		b, other := tn.owner.browser(), tn.owner.browser()
		f, kept := b.connect(), other.connect()
		streams := w.streams(tn)
		for name, s := range streams {
			f.begin(name, s.query, vars{"id": s.id})
			f.next().ok()
			kept.begin(name, s.query, vars{"id": s.id})
			kept.next().ok()
		}
		const events, logs = `subscription($id: ID!) { events(scopeId: $id) { id } }`, `subscription($id: ID!) { logs(source: { serviceInstanceId: $id }) { __typename ... on LogEnd { reason } } }`
		f.begin("events", events, vars{"id": tn.workspace.ID})
		b.do(endSession, nil).ok()
		for range len(streams) + 1 {
			if m := f.read(); m.Type != "error" || parse(t, []byte(`{"errors":`+string(m.Payload)+`}`)).code() != "UNAUTHENTICATED" {
				t.Errorf("%s ends with %s %s", m.ID, m.Type, m.Payload)
			}
		}
		f.begin("more", whoAsks, nil)
		f.fails("UNAUTHENTICATED")
		if n := graph.Watched(w.resolver); n != len(streams) {
			t.Errorf("%d rows are watched, want the %d of the other session", n, len(streams))
		}

		kept.begin("logs", logs, vars{"id": tn.instance.ID})
		kept.next().ok() // what was printed before: it has begun
		other.do(endSession, nil).ok()
		for ended := false; !ended; {
			m := kept.read()
			if m.ID != "logs" {
				continue // a stream of above, which ended at once
			}
			if m.Type != "next" {
				t.Fatalf("the log ends with %s %s", m.Type, m.Payload)
			}
			switch reason := parse(t, m.Payload).text("logs.reason"); reason {
			case "":
			case "PERMISSION_REVOKED":
				ended = true
			default:
				t.Fatalf("the log ends with %s", reason)
			}
		}
	})
}

func TestWhereTheConsoleIs(t *testing.T) {
	t.Parallel()
	for origin, want := range map[string]string{
		"http://127.0.0.1:7070":     "http://localhost:7070",
		"http://[::1]:7070":         "http://localhost:7070",
		"http://0.0.0.0:80":         "http://localhost:80",
		"http://[::]:7070":          "http://localhost:7070",
		"http://127.0.0.1":          "http://localhost",
		"http://localhost:7070":     "http://localhost:7070",
		"http://192.168.0.7:7070":   "http://192.168.0.7:7070",
		"https://davit.example.com": "https://davit.example.com",
		"https://127.0.0.1:7070":    "https://127.0.0.1:7070", // for which a certificate may be
	} {
		if got := graph.ClaimURL(origin, "s"); got != want+"/claim#s" {
			t.Errorf("%s: %s", origin, got)
		}
	}
}
