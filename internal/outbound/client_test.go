package outbound

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/davitdev/davit/internal/fault"
)

func TestAClientReachesWhatThePolicyAllows(t *testing.T) {
	t.Parallel()

	hits := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits++
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "/here", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "here")
	}))
	defer srv.Close()
	_, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "0x7f.1"} {
		res, err := (Policy{}).Client().Get("http://" + host + ":" + port + "/away")
		if !fault.Is(err, fault.SourceForbidden) {
			t.Errorf("%s: %v, %v", host, res, err)
		}
		if err == nil {
			_ = res.Body.Close()
		}
	}
	if hits != 0 {
		t.Errorf("it was reached %d times", hits)
	}
	res, err := Policy{AllowPrivate: true}.Client().Get(srv.URL + "/away")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, err := io.ReadAll(res.Body); string(text) != "here" || err != nil || hits != 2 {
		t.Errorf("%q, %v after %d requests", text, err, hits)
	}
}
