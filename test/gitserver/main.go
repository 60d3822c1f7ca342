// Command gitserver serves bare git repositories over smart HTTP to tests.
// Repositories below private/ want the password GIT_TOKEN, with any user name.
package main

import (
	"crypto/subtle"
	"flag"
	"log/slog"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"path"
	"strings"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	root := flag.String("root", ".", "directory of the repositories")
	flag.Parse()

	if err := serve(*listen, *root, os.Getenv("GIT_TOKEN")); err != nil {
		slog.Error("git server ended", "err", err)
		os.Exit(1)
	}
}

func serve(listen, root, token string) error {
	h, err := handler(root, token)
	if err != nil {
		return err
	}
	s := &http.Server{Addr: listen, Handler: h, ReadHeaderTimeout: 10 * time.Second}
	return s.ListenAndServe()
}

// handler serves the repositories of root for fetching. An empty token opens
// nothing below private/.
func handler(root, token string) (http.Handler, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, err
	}
	backend := &cgi.Handler{
		Path: git,
		Args: []string{"http-backend"},
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1"},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if private(r.URL.Path) && !authorized(r, token) {
			w.Header().Set("WWW-Authenticate", `Basic realm="davit-test"`)
			http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}), nil
}

func private(urlPath string) bool {
	return strings.HasPrefix(path.Clean("/"+urlPath)+"/", "/private/")
}

func authorized(r *http.Request, token string) bool {
	_, password, ok := r.BasicAuth()
	return ok && token != "" && subtle.ConstantTimeCompare([]byte(password), []byte(token)) == 1
}
