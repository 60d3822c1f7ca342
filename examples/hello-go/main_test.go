package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestThePageSaysWhatIsRunning(t *testing.T) {
	t.Setenv("VERSION", "v7")
	t.Setenv("GREETING", "Ahoy <b>")
	server := httptest.NewServer(logged(handler()))
	defer server.Close()
	for path, want := range map[string]string{"/": "v7", "/healthz": "ok"} {
		answer, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
			t.Errorf("GET %s = %d, %q, %v; want %q", path, answer.StatusCode, body, err, want)
		}
		if strings.Contains(string(body), "Ahoy <b>") {
			t.Error("the greeting is not escaped")
		}
	}
}
