package proxy

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

// page is an answer of the proxy itself. Its words are about the visitor's
// and the app owner's next step; addresses behind the proxy are never in it.
type page struct {
	status     int
	code       string // for programs
	title      string
	message    string
	next       string // what to do
	retryAfter int    // seconds; 0: trying again does not help
}

var (
	pageBadRequest = page{
		http.StatusBadRequest, "BAD_REQUEST", "This request is broken",
		"The request cannot be understood, or it ended before it was complete.",
		"Send it again; if it fails again, the program that sends it must be mended.", 0,
	}
	pageNotFound = page{
		http.StatusNotFound, "ROUTE_NOT_FOUND", "There is no app here",
		"No app is served at this address.",
		"Check the address for a slip. If it is yours, davit status says what it serves and where.", 0,
	}
	pageNoFile = page{
		http.StatusNotFound, "FILE_NOT_FOUND", "There is no such page",
		"This site has nothing at this address.",
		"Check the address for a slip. If this is your site, a 404.html of yours is shown instead of this page.", 0,
	}
	pageMethod = page{
		http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "This can only be read",
		"The files of this site are read by GET and HEAD; nothing can be sent to them.",
		"If this is your site and it needs a form, add a service that answers it.", 0,
	}
	pageBadGateway = page{
		http.StatusBadGateway, "APP_BAD_ANSWER", "The app broke off",
		"The app closed the connection without a complete answer.",
		"If this is your app, look at its logs: it may have crashed during this request.", 0,
	}
	pageRefused = page{
		http.StatusBadGateway, "APP_NOT_LISTENING", "The app does not answer",
		"The app runs but accepts no connections.",
		"Try again in a moment. If this is your app, make sure that it listens on 0.0.0.0 and the port in $PORT.", 5,
	}
	pageTimeout = page{
		http.StatusGatewayTimeout, "APP_TIMEOUT", "The app takes too long",
		"The app did not answer in time.",
		"Try again in a moment. If this is your app, look at its logs and its load.", 5,
	}
	pageUnavailable = page{
		http.StatusServiceUnavailable, "APP_UNAVAILABLE", "This app is not available",
		"Nothing runs that could answer.",
		"Try again in a moment. If this is your app, look at its last deployment.", 5,
	}
	pageStates = map[State]page{
		NotDeployed: {
			http.StatusServiceUnavailable, string(NotDeployed), "Nothing is deployed yet",
			"This address is ready, but its service has no deployment.",
			"If this is your app, deploy it.", 30,
		},
		Starting: {
			http.StatusServiceUnavailable, string(Starting), "This app is starting",
			"It will answer once it is healthy.",
			"Try again in a few seconds; a browser does so by itself.", 2,
		},
		Stopped: {
			http.StatusServiceUnavailable, string(Stopped), "This app is stopped",
			"Its owner has stopped it.",
			"If this is your app, start it again.", 60,
		},
		Crashed: {
			http.StatusServiceUnavailable, string(Crashed), "This app has crashed",
			"All of its replicas ended and it is not running now.",
			"If this is your app, its last log lines say why. Deploy again or roll back.", 30,
		},
	}
)

func pageOf(s State) page {
	if p, ok := pageStates[s]; ok {
		return p
	}
	return pageUnavailable
}

//go:embed page.html
var pageHTML string

func pageTemplate() *template.Template {
	return template.Must(template.New("page").Parse(pageHTML))
}

// page answers with p, as HTML if the client asks for that and as JSON
// otherwise. An empty id gets a new one.
func (s *server) page(w http.ResponseWriter, r *http.Request, p page, id string) {
	if id == "" {
		id = s.requestID(r, false)
	}
	h := w.Header()
	var body bytes.Buffer
	if wantsHTML(r) {
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		data := struct {
			Status               int
			Title, Message, Next string
			Host, ID             string
			Refresh              int
		}{p.status, p.title, p.message, p.next, canonicalHost(r.Host), id, 0}
		if p.code == string(Starting) {
			data.Refresh = p.retryAfter
		}
		if err := s.pages.Execute(&body, data); err != nil {
			s.log.ErrorContext(r.Context(), "render page", "error", err)
		}
	} else {
		h.Set("Content-Type", "application/json")
		type fields struct {
			Code      string `json:"code"`
			Message   string `json:"message"`
			RequestID string `json:"requestId"`
		}
		answer := struct {
			Error fields `json:"error"`
		}{fields{p.code, p.message + " " + p.next, id}}
		if err := json.NewEncoder(&body).Encode(answer); err != nil {
			s.log.ErrorContext(r.Context(), "encode answer", "error", err)
		}
	}
	if p.retryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Request-Id", id)
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	w.WriteHeader(p.status)
	_, _ = w.Write(body.Bytes()) // dropped by net/http for HEAD; else the client is gone
}

// wantsHTML reports whether a person in a browser asks.
func wantsHTML(r *http.Request) bool {
	accept := strings.ToLower(strings.Join(r.Header["Accept"], ","))
	return strings.Contains(accept, "text/html") && !strings.Contains(accept, "application/json")
}
